/** The fold with its durable state, no sinks: read, decode, judge, fold, commit to LevelDB. */
import type { Bench, BenchOptions } from './bench.ts'
import { createDecoder } from '../src/format/decoder.ts'
import { batchesOf } from './decode.ts'
import { benchPipeline, measureEngine } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { workloadLog } from './workload-files.ts'
import type { Encoding } from './workload.ts'

export const fold: Bench = {
  about: 'read, decode, fold into tiles, commit the state (no sinks)',
  unit: 'events',
  events: 6_000_000,
  cases: (['json', 'avro'] as const).flatMap((encoding) => [
    {
      name: `${encoding}: read + decode + a Map in memory`,
      isLimit: true as const,
      run: (options: BenchOptions) => measureHeapFold(encoding, options),
    },
    {
      name: `${encoding}: fold with state`,
      run: ({ events }: BenchOptions) => measureEngine({ encoding, sinks: [], events }),
    },
  ]),
}

const DAY_MS = 86_400_000

interface HeapTile {
  impressions: number
  clicks: number
  amount: number
}

/** Counts and sums per user and day in plain objects: no lateness, no order, nothing durable. */
async function measureHeapFold(encoding: Encoding, { events }: BenchOptions): Promise<Measured> {
  const directory = await workloadLog(encoding, events)
  const pipeline = await benchPipeline({ encoding, log: directory, place: '-', slots: 1 })
  const [user, type, amount] = ['user_id', 'event_type', 'amount'].map((name) =>
    pipeline.source.fields.findIndex((field) => field.name === name),
  ) as [number, number, number]
  return measure(async () => {
    const decoder = createDecoder(pipeline)
    const tiles = new Map<string, Map<number, HeapTile>>()
    let count = 0
    for await (const batch of batchesOf(directory)) {
      const { columns, eventTimes } = decoder.decode(batch)
      for (let i = 0; i < batch.count; i += 1) {
        const entity = columns[user]?.[i] as string
        const day = Math.floor((eventTimes[i] ?? 0) / DAY_MS)
        let days = tiles.get(entity)
        if (days === undefined) {
          days = new Map<number, HeapTile>()
          tiles.set(entity, days)
        }
        let tile = days.get(day)
        if (tile === undefined) days.set(day, (tile = { impressions: 0, clicks: 0, amount: 0 }))
        if (columns[type]?.[i] === 'impression') tile.impressions += 1
        else if (columns[type]?.[i] === 'click') tile.clicks += 1
        tile.amount += Number(columns[amount]?.[i])
      }
      count += batch.count
    }
    return { count, notes: { entities: tiles.size } }
  })
}
