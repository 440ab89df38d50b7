/** The fold with the embedded online store: every changed entity told once per commit. */
import { ClassicLevel } from 'classic-level'
import path from 'node:path'
import type { Bench, BenchOptions } from './bench.ts'
import { inPlace, measureEngine } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'

export const online: Bench = {
  about: 'read, decode, fold, commit, and tell the online store (LevelDB)',
  unit: 'events',
  events: 6_000_000,
  cases: [
    {
      name: 'LevelDB: ready values of 200 bytes, 1,000 a synced batch',
      isLimit: true,
      run: measureLevel,
    },
    ...(['json', 'avro'] as const).map((encoding) => ({
      name: `${encoding}: fold + online`,
      run: ({ events }: BenchOptions) =>
        measureEngine({ encoding, sinks: ['online'] as const, events }),
    })),
  ],
}

const VALUE_BYTES = 200
const BATCH = 1_000

/** One value per ten events, about what tells every entity of the workload once. */
function measureLevel({ events }: BenchOptions): Promise<Measured> {
  return inPlace(async (place) => {
    const level = new ClassicLevel<string, Uint8Array>(path.join(place, 'level'), {
      valueEncoding: 'view',
      compression: false,
    })
    await level.open()
    const value = new Uint8Array(VALUE_BYTES)
    const measured = await measure(async () => {
      const count = Math.ceil(events / 10)
      for (let from = 0; from < count; from += BATCH) {
        const batch = level.batch()
        for (let i = from; i < Math.min(count, from + BATCH); i += 1) {
          batch.put(`v:user_activity:v1:u${(i * 7919) % count}`, value)
        }
        await batch.write({ sync: true })
      }
      return { count, notes: { values: count } }
    })
    await level.close()
    return measured
  })
}
