/** Records per second of a replay of everything beside those of the live path on the same log: both write the tables, one tells the online store. */
import process from 'node:process'
import type { Pipeline } from '../src/core/definition.ts'
import type { BenchCase, BenchOptions } from './bench.ts'
import { benchPipeline, inPlace, notesOf, runToEnd } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { replayed } from './replay-run.ts'
import { onServers, pipelineOf, produceAll } from './servers.ts'
import { workloadLog } from './workload-files.ts'

export const besideLiveCases: readonly BenchCase[] = [
  { name: 'files, beside the live path', run: (options) => measureFiles(options) },
  { name: 'a topic, beside the live path to Redis', run: (options) => measureTopic(options) },
]

const SHARE = 9
/** A process of its own is run by what runs this one; what runs the tests is not for programs. */
const WORKERS = process.env['VITEST'] === undefined ? 2 : 1

async function measureFiles({ events }: BenchOptions): Promise<Measured> {
  const count = Math.ceil(events / SHARE)
  const log = await workloadLog('json', count)
  return inPlace(async (place) =>
    measureBoth(await benchPipeline({ encoding: 'json', log, place, slots: 4 }), count),
  )
}

function measureTopic({ events }: BenchOptions): Promise<Measured> {
  const count = Math.ceil(events / SHARE)
  return onServers(async (places) => {
    await produceAll(places.brokers, count)
    return measureBoth(await pipelineOf(places), count)
  })
}

/** In one process, where CPU time can be compared, too; and in two. */
async function measureBoth(pipeline: Pipeline, count: number): Promise<Measured> {
  const live = await measure(async () => {
    return { count, notes: notesOf(await runToEnd(pipeline)) }
  })
  const replay = (workers: number): Promise<Measured> =>
    measure(async () => {
      const range = { kind: 'days', range: { first: 0, last: 40_000 } } as const
      const wanted = { range, onlyRange: false, start: 'origin' } as const
      const { records, rows } = await replayed(pipeline, wanted, workers)
      return { count: records, notes: { rows } }
    })
  const shared = await replay(WORKERS)
  const alone = await replay(1)
  const liveSpeed = live.count / live.seconds
  return {
    ...alone,
    notes: {
      rows: alone.notes['rows'] ?? 0,
      'live records/s': liveSpeed,
      'times the live path': alone.count / alone.seconds / liveSpeed,
      'in CPU seconds': alone.count / alone.cpuSeconds / (live.count / live.cpuSeconds),
      'in two processes': shared.count / shared.seconds / liveSpeed,
    },
  }
}
