/**
 * States that a regrouping made: of a log that got partitions they alone hold what came before the origins of now, so that they stay for
 * ever, and every later replay may begin with them as with any checkpoint. Pure.
 */
import type { GenerationRecord } from '../core/generation.ts'
import { inheritanceOf } from '../engine/hand-over.ts'

/** Where the newest regrouping left its states, as they were when it was published; undefined: there was none. */
export function regroupedPlace(records: readonly GenerationRecord[]): string | undefined {
  const { handOver } = regroupingOf(records) ?? {}
  return handOver?.kind === 'states' ? handOver.place : undefined
}

/**
 * The same, as long as they are what the newest generation says, too: whatever was published since has changed nothing about the log
 * before their origins, and counts the same of it.
 */
export function presentRegroupedPlace(records: readonly GenerationRecord[]): string | undefined {
  const [made, newest] = [regroupingOf(records), records.at(-1)]
  if (made === undefined || newest === undefined) return undefined
  return meaningBefore(made) === meaningBefore(newest) ? regroupedPlace(records) : undefined
}

function regroupingOf(records: readonly GenerationRecord[]): GenerationRecord | undefined {
  const { regrouped } = inheritanceOf(records)
  return records.find(({ generation }) => generation === regrouped?.generation)
}

/** All of a record that the states at its origins hang on. */
function meaningBefore({ segments, amendments, ...content }: GenerationRecord): string {
  const origins = new Map(segments.map(({ partition, origin }) => [partition, origin]))
  const before = amendments.filter(
    ({ partition, offset }) => offset < (origins.get(partition) ?? 0),
  )
  const { slots, semantics, zoneData, policy, views, regrouped } = content
  return JSON.stringify({ slots, semantics, zoneData, policy, views, segments, regrouped, before })
}
