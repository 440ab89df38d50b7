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
  /** Up to their ends; a log whose partitions were regrouped before is one, too. */
  readonly old: readonly RawPartition[] | RegroupedLog
  /** From their origins on. */
  readonly parts: readonly (RawPartition & { readonly origin: number })[]
  /** Where the producer puts a record now. */
  home(record: JudgedRecord): number | undefined
  /** Rows and tiles from this day on are those of the new partitions. */
  readonly first: number
  /** Closed by a tick before. */
  readonly closedDay?: number
}

/** What partitions have come to: their own records, those that moved to them first. */
interface Judged {
  readonly partitions: readonly OraclePartition[]
  /** Of all of them, once each: what time and ids hang on. */
  readonly known: readonly JudgedRecord[]
  readonly result: OracleResult
}

export function recomputeRegrouped(pipeline: Pipeline, log: RegroupedLog): OracleResult {
  return judgeRegrouped(pipeline, log).result
}

function judgeOld(pipeline: Pipeline, old: RegroupedLog['old']): Judged {
  if ('parts' in old) return judgeRegrouped(pipeline, old)
  const partitions = old.map((partition) => judgePartition(pipeline, partition))
  const known = partitions.flatMap(({ judged }) => judged)
  return { partitions, known, result: recomputeJudged(pipeline, partitions) }
}

function judgeRegrouped(pipeline: Pipeline, log: RegroupedLog): Judged {
  const { old, parts, first } = log
  const was = judgeOld(pipeline, old)
  const completeDays = was.partitions.flatMap(({ completeFrom }) => completeFrom ?? [])
  const all = was.partitions.flatMap(({ judged }) => judged)
  const fresh = parts.map((part): OraclePartition & { readonly added: JudgedRecord[] } => {
    const { partition, records, origin } = part
    const added = judgeOn(pipeline, was.known, records)
    const moved = all
      .filter((one) => one.outcome === 'accepted' && log.home(one) === partition)
      .map((one) => ({ ...one, record: { ...one.record, offset: origin - 1 } }))
    const watermark = watermarkAfter(pipeline, [...was.known, ...added])
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
  const after = recomputeJudged(pipeline, fresh)
  const refused = recomputeJudged(
    pipeline,
    fresh.map(({ added, ...part }) => ({ ...part, judged: added })),
  )
  const result = {
    ...after,
    rejects: [...was.result.rejects, ...refused.rejects],
    views: after.views.map((view, i) => {
      const before = was.result.views[i]
      return {
        ...view,
        rows: [
          ...(before?.rows ?? []).filter(({ day }) => day < first),
          ...view.rows.filter(({ day }) => day >= first),
        ],
        tiles: [
          ...(before?.tiles ?? []).filter(({ day }) => day < first),
          ...view.tiles.filter(({ day }) => day >= first),
        ],
      }
    }),
  }
  const known = [...was.known, ...fresh.flatMap(({ added }) => added)]
  return { partitions: fresh, known, result }
}
