/** What sinks may rightly have of generations before the newest one, where amendments made them judge records otherwise. */
import type { Value } from '../src/core/value.ts'
import { entityText } from '../test/support/compare-sinks.ts'
import { foldedRecords, rejectsOf, type OracleResult } from '../test/support/oracle.ts'
import { generationRecords } from './publish.ts'
import type { World } from './world.ts'

/**
 * Differences that are none: a reject that only a replay has judged, in a ledger of its own; and one that the generations judge in
 * several ways, where it is what one of them said, or only the replay has said it.
 */
export function refusedElsewhere(world: World): (line: string) => boolean {
  const skipped = new Set(world.machines.flatMap((machine) => [...machine.skipped]))
  const ways = waysOf(world)
  return (line) => {
    const [, partition = '', offset = '', what = ''] =
      /^rejects \[(\d+)\]@(\d+): (.*)$/s.exec(line) ?? []
    const place = `${partition}@${offset}`
    if (skipped.has(place) && what.startsWith('missing')) return true
    const said = ways.get(place)
    if (said === undefined || said.size < 2) return false
    const found = world.rejects.get(place)
    return found === undefined || said.has(found.reason)
  }
}

/** By position: as what generations have refused it, and `''` where one of them has not. */
function waysOf(world: World): Map<string, Set<string>> {
  const { pipeline, judged } = world
  const all = judged.upTo(generationRecords(world).length)
  const ways = new Map<string, Set<string>>()
  if (all.length < 2) return ways
  const byGeneration = all.map((parts) => {
    const rejects = parts.flatMap((part) => rejectsOf(pipeline, part))
    return new Map(rejects.map((one) => [`${one.partition}@${one.offset}`, one]))
  })
  for (const rejects of byGeneration) for (const place of rejects.keys()) ways.set(place, new Set())
  for (const [place, said] of ways)
    for (const rejects of byGeneration) said.add(rejects.get(place)?.reason ?? '')
  return ways
}

/** Entities of a view that have no record any more: their values are all-empty, and nobody has more to say of them. */
export function droppedEntities(world: World, oracle: OracleResult, name: string): Set<string> {
  const { pipeline, judged } = world
  const view = pipeline.views.find((one) => one.name === name)
  const former = judged.upTo(generationRecords(world).length).slice(0, -1)
  if (view === undefined || former.length === 0) return new Set()
  const known = former.flatMap((parts) =>
    parts.flatMap((part) => foldedRecords(pipeline, view, part).map(({ entity }) => entity)),
  )
  const left = oracle.views.find((one) => one.view.name === name)?.online ?? []
  const text = (entity: readonly Value[]): string => entityText(pipeline, view.entity, entity)
  const still = new Set(left.map(({ entity }) => text(entity)))
  return new Set(known.map(text).filter((entity) => !still.has(entity)))
}
