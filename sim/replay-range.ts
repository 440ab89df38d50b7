/** Which days somebody replays: such in which there are events; or, where only rows are to be swapped, such that all owners have left behind. */
import type { DayRange } from '../src/replay/plan.ts'
import { OPEN_DAY } from '../src/replay/plan.ts'
import { civilDay } from '../test/support/civil-oracle.ts'
import type { Chance } from './chance.ts'
import type { World } from './world.ts'

/** @param isShort long past, so that rows alone can be published */
export function drawRange(
  world: World,
  chance: Chance,
  { isShort }: { readonly isShort: boolean },
): DayRange {
  const { log, pipeline } = world
  const times = Array.from({ length: log.partitions }, (_, partition) =>
    log
      .records(partition)
      .map(({ timestamp }) => timestamp)
      .filter((timestamp) => !Number.isNaN(timestamp)),
  ).filter((own) => own.length > 0)
  const days = times.flat().map((timestamp) => civilDay(pipeline.time.zone, timestamp))
  if (days.length === 0) return { first: 0, last: OPEN_DAY }
  const quiet = isShort && chance.happens(0.7) ? quietRange(world, chance, times) : undefined
  if (quiet !== undefined) return quiet
  const oldest = Math.min(chance.pick(days), chance.pick(days))
  const first = (isShort ? oldest : chance.pick(days)) - chance.integer(0, 3)
  const length = isShort ? chance.integer(0, 2) : chance.pick([3, 20, Infinity])
  return { first, last: Math.min(OPEN_DAY, first + length) }
}

/**
 * After the last event of a partition that has gone quiet, where another one has gone on: what its owner knows of these days it knows by
 * ticks, and a replay closes none of them. Undefined: no partition is so far ahead.
 */
function quietRange(
  { pipeline: { time, views } }: World,
  chance: Chance,
  times: readonly (readonly number[])[],
): DayRange | undefined {
  const newest = times.map((own) => Math.max(...own))
  const lastEvent = civilDay(time.zone, Math.min(...newest))
  const finalMs = Math.max(...newest) - time.outOfOrdernessMs - time.allowedLatenessMs
  const lastFinal = civilDay(time.zone, finalMs) - 3
  const reach = Math.max(...views.flatMap(({ windows }) => windows))
  const furthest = Math.min(lastFinal, lastEvent + reach)
  if (furthest <= lastEvent) return undefined
  const first = chance.integer(lastEvent + 1, furthest)
  return { first, last: chance.integer(first, Math.min(lastFinal, first + 2)) }
}
