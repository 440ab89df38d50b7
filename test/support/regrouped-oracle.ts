/**
 * The oracle where partitions were added: old partitions are judged alone up to their ends; then every entity's accepted records move to
 * its new partition, as if they had stood right before its first, and each new partition judges on from what all old ones knew.
 */
import type { Pipeline } from '../../src/core/definition.ts'
import { civilDay } from './civil-oracle.ts'
import { judgeOn, judgePartition, watermarkAfter } from './judge-oracle.ts'
import type { JudgedRecord, OraclePartition } from './judge-oracle.ts'
import { recomputeJudged } from './oracle.ts'
import type { OracleResult } from './oracle.ts'
import type { RawPartition } from './raw-record.ts'

export interface RegroupedLog {
  /** Up to their ends. */
  readonly old: readonly RawPartition[]
  /** From their origins on. */
  readonly parts: readonly (RawPartition & { readonly origin: number })[]
  /** Where the producer puts a record now. */
  home(record: JudgedRecord): number | undefined
  /** Rows and tiles from this day on are those of the new partitions. */
  readonly first: number
  /** Closed by a tick before. */
  readonly closedDay?: number
}

export function recomputeRegrouped(pipeline: Pipeline, log: RegroupedLog): OracleResult {
  const { old, parts, first } = log
  const judgedOld = old.map((partition) => judgePartition(pipeline, partition))
  const all = judgedOld.flatMap(({ judged }) => judged)
  const completeDays = judgedOld.flatMap(({ completeFrom }) => completeFrom ?? [])
  const fresh = parts.map((part): OraclePartition & { readonly added: JudgedRecord[] } => {
    const { partition, records, origin } = part
    const added = judgeOn(pipeline, all, records)
    const moved = all
      .filter((one) => one.outcome === 'accepted' && log.home(one) === partition)
      .map((one) => ({ ...one, record: { ...one.record, offset: origin - 1 } }))
    const watermark = watermarkAfter(pipeline, [...all, ...added])
    const alone = judgePartition(pipeline, part)
    const closed = watermark === undefined ? [] : [civilDay(pipeline.time.zone, watermark) - 1]
    return {
      partition,
      judged: [...moved, ...added],
      added,
      watermark,
      closedDay: closed.length === 0 ? undefined : Math.max(...closed, log.closedDay ?? -Infinity),
      completeFrom: completeDays.length > 0 ? Math.max(...completeDays) : alone.completeFrom,
    }
  })
  const before = recomputeJudged(pipeline, judgedOld)
  const after = recomputeJudged(pipeline, fresh)
  const refused = recomputeJudged(
    pipeline,
    fresh.map(({ added, ...part }) => ({ ...part, judged: added })),
  )
  return {
    ...after,
    rejects: [...before.rejects, ...refused.rejects],
    views: after.views.map((view, i) => {
      const was = before.views[i]
      return {
        ...view,
        rows: [
          ...(was?.rows ?? []).filter(({ day }) => day < first),
          ...view.rows.filter(({ day }) => day >= first),
        ],
        tiles: [
          ...(was?.tiles ?? []).filter(({ day }) => day < first),
          ...view.tiles.filter(({ day }) => day >= first),
        ],
      }
    }),
  }
}
