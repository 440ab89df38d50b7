/** All sinks of a stage against the oracle, which knows nothing but what the topic contains. */
import path from 'node:path'
import type { KafkaServer } from '../servers/kafka.ts'
import { sinkDifferences } from '../test/support/compare-sinks.ts'
import { actualRaw, envelopeFaults, RawRedis } from '../test/integration/engine/online-reader.ts'
import type { RealWorld } from '../test/integration/engine/real-world.ts'
import { recompute, type OracleResult } from '../test/support/oracle.ts'
import { hasIndependentReaders, readIndependently } from '../test/support/table-processes.ts'
import { readTopic } from './read-topic.ts'

export interface Verdict {
  readonly records: number
  readonly rows: number
  readonly values: number
  readonly rejects: number
  /** A line each. */
  readonly differences: readonly string[]
}

export async function verify(
  kafka: KafkaServer,
  world: RealWorld,
  { topic, ends }: { readonly topic: string; readonly ends: readonly number[] },
): Promise<Verdict> {
  const log = await readTopic(kafka, topic, ends)
  const oracle = recompute(world.pipeline, log)
  const sinks = await world.sinks(ends.length)
  using redis = new RawRedis(world.pipeline)
  const raw = await redis.values()
  const differences = [
    ...sinkDifferences(oracle, sinks),
    ...sinkDifferences(oracle, { ...sinks, online: actualRaw(world.pipeline, raw) }),
    ...raw.flatMap((value) => envelopeFaults(world.pipeline, value)),
    ...(await independentDifferences(oracle, world)),
  ]
  const sum = (counts: readonly number[]): number => counts.reduce((total, one) => total + one, 0)
  return {
    records: sum(log.map(({ records }) => records.length)),
    rows: sum(oracle.views.map(({ rows }) => rows.length)),
    values: raw.length,
    rejects: oracle.rejects.length,
    differences: [...new Set(differences)],
  }
}

/** Delta readers that are not ours see as many rows as there must be, and none twice. */
async function independentDifferences(oracle: OracleResult, world: RealWorld): Promise<string[]> {
  if (!hasIndependentReaders()) return []
  const { offline } = world.pipeline.sinks
  if (offline === undefined) return []
  const found = await Promise.all(
    oracle.views.map(async ({ view, rows }) => {
      const name = `${view.name}_v${view.version}`
      const location = path.resolve(world.directory, 'features', name)
      const keys = ['ds', ...view.entity].join(',')
      const reports = await readIndependently(location, ['--keys', keys])
      return reports
        .filter((report) => report.rows !== rows.length || report.duplicates !== 0)
        .map(
          (report) =>
            `${name} by ${report.reader}: ${report.rows} rows, ${report.duplicates} twice, expected ${rows.length}`,
        )
    }),
  )
  return found.flat()
}
