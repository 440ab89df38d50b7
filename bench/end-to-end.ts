/** From the files of the log to everything: state, online store, tables. */
import { readdir } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import type { Bench, BenchOptions } from './bench.ts'
import { measureEngine } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { workloadLog } from './workload-files.ts'
import type { Encoding } from './workload.ts'

export const endToEnd: Bench = {
  about: 'files of the log to state, online store and tables, drained',
  unit: 'events',
  events: 6_000_000,
  cases: (['json', 'avro'] as const).flatMap((encoding) => [
    {
      name: `${encoding}: the bytes of the files`,
      isLimit: true as const,
      run: (options: BenchOptions) => measureBytes(encoding, options),
    },
    {
      name: `${encoding}: end to end`,
      run: ({ events }: BenchOptions) =>
        measureEngine({ encoding, sinks: ['online', 'offline'] as const, events }),
    },
  ]),
}

async function measureBytes(encoding: Encoding, { events }: BenchOptions): Promise<Measured> {
  const directory = await workloadLog(encoding, events)
  return measure(async () => {
    let bytes = 0
    for (const name of await readdir(directory)) {
      const stream = createReadStream(path.join(directory, name), { highWaterMark: 1024 * 1024 })
      for await (const chunk of stream) bytes += (chunk as Buffer).length
    }
    return { count: events, notes: { bytes } }
  })
}
