/** What a replay is going to read, and how long that takes at the speed of the last ones. Pure. */
import type { PartitionKnowledge } from '../replay/knowledge.ts'
import type { ReplayPlan } from '../replay/plan.ts'
import type { Replay } from '../replay/records.ts'

export interface ReplayCost {
  /** Counted, or estimated from the size of a sample where offsets are bytes. */
  readonly records: number
  readonly bytes: number
  readonly recordsPerSecond: number
  readonly seconds: number
  /** Ids of the replays that the speed was measured by; empty: it is a cautious guess. */
  readonly measuredBy: readonly string[]
}

/** Of one partition on a small machine; most replays are several times faster. */
const GUESSED_PER_SECOND = 20_000
const MEASURED_MAX = 3

export function costOf(
  plan: ReplayPlan,
  known: readonly PartitionKnowledge[],
  replays: readonly Replay[],
): ReplayCost {
  let records = 0
  let bytes = 0
  for (const { partition, start, stop } of plan.partitions) {
    const found = known.find((each) => each.partition === partition)
    const log = found?.log
    if (log === undefined || start.kind === 'live') continue
    const isOld = plan.record.regrouped?.from.some((each) => each.partition === partition)
    // An old partition is read from where its owner stands.
    const stands = isOld === true ? (found?.state?.head.nextOffset ?? 0) : start.offset
    const from = start.kind === 'regrouped' ? stands : start.offset
    const span = Math.max(0, (stop ?? log.end) - from)
    const isBytes = log.unit === 'bytes'
    bytes += isBytes ? span : span * log.recordBytes
    records += isBytes ? span / Math.max(1, log.recordBytes) : span
  }
  const { recordsPerSecond, measuredBy } = speedOf(replays)
  const seconds = records / recordsPerSecond
  return {
    records: Math.round(records),
    bytes: Math.round(bytes),
    recordsPerSecond,
    seconds,
    measuredBy,
  }
}

/** Of the last ones. */
export function speedOf(
  replays: readonly Replay[],
): Pick<ReplayCost, 'recordsPerSecond' | 'measuredBy'> {
  const runs = replays.flatMap(({ plan: { id }, result }) => {
    const records = result?.partitions.reduce((total, each) => total + each.records, 0) ?? 0
    return result && records > 0 && result.seconds > 0 ? [{ id, result, records }] : []
  })
  const last = runs.sort((a, b) => b.result.finishedMs - a.result.finishedMs).slice(0, MEASURED_MAX)
  const seconds = last.reduce((total, { result }) => total + result.seconds, 0)
  if (seconds === 0) return { recordsPerSecond: GUESSED_PER_SECOND, measuredBy: [] }
  const records = last.reduce((total, each) => total + each.records, 0)
  return { recordsPerSecond: records / seconds, measuredBy: last.map(({ id }) => id) }
}
