/**
 * What has become of replays, as the records of the generations and the audit trails tell it. The records decide: one that stands there
 * is published, whatever a publisher that died could not do any more; the trail tells whether that was done since.
 */
import type { GenerationRecord } from '../core/generation.ts'
import type { Replay } from './records.ts'

export type Standing =
  | { readonly kind: 'planned' }
  | { readonly kind: 'run' }
  | { readonly kind: 'discarded' }
  /** `finished`: the tables have it. */
  | { readonly kind: 'published'; readonly generation: number; readonly finished: boolean }
  | {
      readonly kind: 'rolled back'
      readonly generation: number
      readonly published: number
      readonly finished: boolean
    }

/** A generation that a replay made. */
export interface Made {
  readonly generation: number
  readonly did: 'publish' | 'rollback'
  readonly replay: string
}

export function madeBy({ generation, handOver }: GenerationRecord): Made | undefined {
  return handOver?.by && { generation, ...handOver.by }
}

/** Ascending. */
export function allMade(records: readonly GenerationRecord[]): Made[] {
  return records.flatMap((record) => madeBy(record) ?? [])
}

export function standingOf(replay: Replay, records: readonly GenerationRecord[]): Standing {
  const made = allMade(records).filter((each) => each.replay === replay.plan.id)
  const last = made.at(-1)
  if (last !== undefined) {
    const { generation, did } = last
    const finished = isFinished(replay, last)
    if (did === 'publish') return { kind: 'published', generation, finished }
    return { kind: 'rolled back', generation, published: undoneBy(last, records), finished }
  }
  if (isDiscarded(replay)) return { kind: 'discarded' }
  return { kind: replay.result === undefined ? 'planned' : 'run' }
}

/** What it staged is gone, and it was not run again since. */
export function isDiscarded({ trail }: Replay): boolean {
  return trail.findLast(({ did }) => did === 'run' || did === 'discard')?.did === 'discard'
}

export function isFinished({ trail }: Replay, { did, generation }: Made): boolean {
  return trail.some(
    (entry) =>
      entry.did === did && entry.generation === generation && entry.details['phase'] === 'done',
  )
}

/** The generation that a rollback took back. */
export function undoneBy(rollback: Made, records: readonly GenerationRecord[]): number {
  const published = allMade(records).findLast(
    ({ generation, did, replay }) =>
      did === 'publish' && replay === rollback.replay && generation < rollback.generation,
  )
  return published?.generation ?? rollback.generation - 1
}

/**
 * Generations that stand upon each other, those left out that a rollback has taken back: only the last one can be taken back next.
 * `made` undefined: a run began it, or nobody knows.
 */
export function standingGenerations(
  records: readonly GenerationRecord[],
): { readonly record: GenerationRecord; readonly made: Made | undefined }[] {
  const stack: { record: GenerationRecord; made: Made | undefined }[] = []
  for (const record of records) {
    const made = madeBy(record)
    if (made?.did !== 'rollback') stack.push({ record, made })
    else {
      const at = stack.findLastIndex((each) => each.made?.replay === made.replay)
      if (at >= 0) stack.length = at
    }
  }
  return stack
}
