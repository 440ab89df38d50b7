/**
 * Whether a run is well, told from where it stands. Pure.
 *
 * *Healthy* is for who restarts processes: the loops turn, and each partition that has something to read gets on. A sink that
 * is away is no reason: a restart would not bring it back. *Ready* is for who waits for the values: everything that is
 * assigned is open, near the end of the log, and reaches its sinks.
 */
import type { PartitionProgress, RunProgress } from '../engine/parts.ts'

/** A loop goes round many times a second; a commit or a turn of the followers takes seconds at worst. */
const TURN_AGE_MS_MAX = 30_000
/** With something to read and nothing that holds it back, a partition that stands still for this long is stuck. */
const ADVANCE_AGE_MS_MAX = 60_000

export interface HealthContext {
  readonly topic: string
  readonly monotonicMs: number
  /** In the unit of the log's offsets. */
  readonly readyLagMax: number
  /** Why the log cannot be read now, in words; undefined where it can. */
  readonly sourceTrouble: string | undefined
}

export interface Health {
  readonly healthy: Verdict
  readonly ready: Verdict
}

export interface Verdict {
  readonly ok: boolean
  /** What speaks against it, a sentence each. */
  readonly reasons: readonly string[]
}

/** @param progress undefined before the run has told where it stands for the first time */
export function healthOf(progress: RunProgress | undefined, context: HealthContext): Health {
  if (progress === undefined) {
    return { healthy: verdict([]), ready: verdict(['the run is starting']) }
  }
  const active = progress.partitions.filter(({ phase }) => phase !== 'stopped')
  const unhealthy = active.flatMap((partition) => whyUnhealthy(partition, context))
  const unready = [
    ...whyUnassigned(progress),
    ...(context.sourceTrouble === undefined ? [] : [context.sourceTrouble]),
    ...active.flatMap((partition) => whyUnready(partition, context)),
  ]
  return { healthy: verdict(unhealthy), ready: verdict([...unhealthy, ...unready]) }
}

function verdict(reasons: readonly string[]): Verdict {
  return { ok: reasons.length === 0, reasons }
}

function whyUnhealthy(
  { partition, nextOffset, endOffset, held, turnedMs, advancedMs }: PartitionProgress,
  { topic, monotonicMs }: HealthContext,
): string[] {
  const where = `${topic}[${partition}]`
  const turnAgeMs = monotonicMs - turnedMs
  if (turnAgeMs > TURN_AGE_MS_MAX) {
    return [`${where}: its loop has not gone round for ${secondsWords(turnAgeMs)}`]
  }
  const lag = endOffset - nextOffset
  const standsMs = monotonicMs - advancedMs
  if (lag === 0 || held || standsMs <= ADVANCE_AGE_MS_MAX) return []
  return [
    `${where}@${nextOffset}: has not moved for ${secondsWords(standsMs)}, with ${lag} to read and no sink that holds it`,
  ]
}

function whyUnassigned({ lease, assigned, partitions }: RunProgress): string[] {
  if (lease === 'joining') return ['no partitions are assigned: the group is being joined']
  const opening = assigned - partitions.length
  if (opening <= 0) return []
  return [`${opening} of ${assigned} assigned partitions are being opened`]
}

function whyUnready(
  { partition, phase, nextOffset, endOffset, online, table }: PartitionProgress,
  { topic, readyLagMax }: HealthContext,
): string[] {
  const where = `${topic}[${partition}]`
  const lag = endOffset - nextOffset
  const reasons: string[] = []
  if (phase === 'starting') reasons.push(`${where}: has not begun to read`)
  else if (lag > readyLagMax)
    reasons.push(`${where}: ${lag} behind the end of the log, at most ${readyLagMax} is ready`)
  if (online?.failing === true)
    reasons.push(`${where}: the online store cannot be reached, or has not been compared yet`)
  if (table?.failing === true) reasons.push(`${where}: the tables cannot be written to`)
  return reasons
}

function secondsWords(ms: number): string {
  return `${Math.floor(ms / 1_000)} s`
}
