/** At the end of a seed: all sinks against the oracle, the history of each table, and whether markers and control say what is there. */
import type { Milestone } from '../src/engine/ports.ts'
import {
  sinkDifferences,
  type ActualOnline,
  type ActualRow,
  type ActualSinks,
  type ActualTile,
} from '../test/support/compare-sinks.ts'
import { actualReject } from '../test/support/engine-run.ts'
import { withTicks } from '../test/support/judge-oracle.ts'
import { recomputeJudged, type OracleResult } from '../test/support/oracle.ts'
import { checkpointProblems } from './checkpoints.ts'
import { droppedEntities, refusedElsewhere } from './former-generations.ts'
import { milestoneProblems } from './milestones.ts'
import { amendmentProblems, generationRecords } from './publish.ts'
import { featureRows, tileRows } from './table-history.ts'
import type { TableReaders } from './table-watch.ts'
import { rowsTable, tilesTable } from './tables.ts'
import { mayBeMissing } from './missing-slots.ts'
import type { World } from './world.ts'

/** What the owner of a partition stands at. */
export interface EndState {
  readonly partition: number
  readonly nextOffset: number
  readonly closedDay: number | undefined
  readonly tickedMs: number | undefined
  /** Of the newest event accepted. */
  readonly newestDay: number
  readonly milestones: readonly Milestone[]
}

export async function checkEnd(
  world: World,
  readers: TableReaders,
  ends: readonly EndState[],
): Promise<string[]> {
  const { pipeline, judged } = world
  const newest = judged.of(generationRecords(world).length)
  const ticked = newest.map((part) => {
    const end = ends.find(({ partition }) => partition === part.partition)
    return withTicks(pipeline, part, end?.tickedMs)
  })
  const oracle = recomputeJudged(pipeline, ticked)
  const histories = await Promise.all([...readers.values()].map((reader) => reader.history()))
  const ahead = await valuesAhead(world, ends)
  const differences = sinkDifferences(oracle, await readSinks(world, readers, oracle))
  const elsewhere = refusedElsewhere(world)
  return [
    ...differences
      .filter((line) => !ahead.some((place) => line.startsWith(place)))
      .filter((line) => !elsewhere(line)),
    ...histories.flat().filter((problem) => !mayBeMissing(world, problem)),
    ...ends.flatMap(({ partition, milestones }) => {
      const part = oracle.partitions.find((one) => one.partition === partition)
      return part === undefined ? [] : milestoneProblems(pipeline, part, milestones)
    }),
    ...(await markerProblems(world, ends)),
    ...checkpointProblems(world),
    ...amendmentProblems(world),
  ]
}

/** Somebody has closed days that the owner has not: its clock ran ahead, and it is no owner any more. */
export async function isBehindOthers(
  world: World,
  readers: TableReaders,
  ends: readonly EndState[],
): Promise<boolean> {
  for (const { partition, closedDay } of ends) {
    const asOf = (await world.online.store.marker(partition))?.asOf ?? -Infinity
    if (asOf - 1 > (closedDay ?? Infinity)) return true
    for (const view of world.pipeline.views) {
      const last = await readers.get(rowsTable(view))?.lastDay(partition)
      if ((last ?? -Infinity) > (closedDay ?? -Infinity)) return true
    }
  }
  return false
}

async function readSinks(
  world: World,
  readers: TableReaders,
  oracle: OracleResult,
): Promise<ActualSinks> {
  const { views } = world.pipeline
  const online = new Map<string, ActualOnline[]>()
  const isJudgedAnew = world.judged.upTo(generationRecords(world).length).length > 1
  for (const { name, version } of views) {
    const values: ActualOnline[] = []
    for (const partition of world.scenario.partitions.keys()) {
      const page = await world.online.store.walk(`${name}:v${version}`, partition, undefined, 1e6)
      for (const { entity, fields, version: at, eventTime, nextDay } of page.values) {
        // Of an entity that the state has forgotten the last record is one that some generation had not dropped.
        const isForgotten = isJudgedAnew && eventTime === undefined && nextDay === undefined
        const offset = isForgotten ? Infinity : at.offset
        values.push({ entity, fields: new Map(fields), offset, eventTime, nextDay })
      }
    }
    const dropped = droppedEntities(world, oracle, name)
    online.set(
      name,
      values.filter(({ entity, eventTime }) => eventTime !== undefined || !dropped.has(entity)),
    )
  }
  const rows = new Map<string, ActualRow[]>()
  const tiles = new Map<string, ActualTile[]>()
  for (const view of views) {
    const [ofRows, ofTiles] = [readers.get(rowsTable(view)), readers.get(tilesTable(view))]
    rows.set(view.name, ofRows === undefined ? [] : await featureRows(ofRows, view))
    tiles.set(view.name, ofTiles === undefined ? [] : await tileRows(ofTiles, view))
  }
  return {
    rows,
    tiles,
    online,
    rejects: [...world.rejects.values()].map(actualReject),
  }
}

/**
 * Values told as of a tick that its owner took to its grave, before it moved the marker or closed the day in a table: right for
 * their version (that was checked when they were written), and ahead of what anybody knows until time has come that far.
 */
export async function valuesAhead(
  { pipeline, online, oracle, coverage }: World,
  ends: readonly EndState[],
): Promise<string[]> {
  const places: string[] = []
  for (const view of pipeline.views) {
    const key = `${view.name}:v${view.version}`
    for (const { partition, closedDay = Infinity, newestDay } of ends) {
      const page = await online.store.walk(key, partition, undefined, 1e6)
      for (const { entity, version, eventTime } of page.values) {
        // What a walk through the store has emptied is as of the day after the last close in every view.
        const isTold =
          eventTime !== undefined || oracle.lastOffset(key, entity, version) === version.offset
        const isAsOfClose = view.online === 'closed' && isTold
        const asOf = isAsOfClose ? closedDay : Math.max(closedDay + 1, newestDay)
        if (version.day > asOf) places.push(`${view.name} online ${entity}: `)
      }
    }
  }
  if (places.length > 0) coverage.hit('path value as of a tick that nobody remembers')
  return places
}

async function markerProblems(world: World, ends: readonly EndState[]): Promise<string[]> {
  const problems: string[] = []
  for (const { partition, nextOffset, closedDay } of ends) {
    const marker = await world.online.store.marker(partition)
    const at = `marker of partition ${partition}`
    if (marker === undefined) {
      if (nextOffset > 0) problems.push(`${at}: missing`)
      continue
    }
    for (const { name, version } of world.pipeline.views) {
      const page = await world.online.store.walk(`${name}:v${version}`, partition, undefined, 1e6)
      for (const { entity, version: found, eventTime } of page.values) {
        // An all-empty value that a server's snapshot has brought back is left: nobody will ever have more to say of it.
        const isForgotten = eventTime === undefined && found.generation < marker.generation
        if (found.generation !== marker.generation && !isForgotten)
          problems.push(
            `${at}: generation ${marker.generation}, ${name} ${entity} ${found.generation}`,
          )
      }
    }
    if (marker.scanId !== undefined) problems.push(`${at}: a scan seems to be under way`)
    if (marker.position !== nextOffset)
      problems.push(`${at}: at ${marker.position}, the state at ${nextOffset}`)
    if (closedDay !== undefined && marker.asOf !== closedDay + 1)
      problems.push(`${at}: as of ${marker.asOf}, the state closed ${closedDay}`)
  }
  return problems
}
