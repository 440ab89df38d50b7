/** At the end of a seed: all sinks against the oracle, the history of each table, and whether markers and control say what is there. */
import { TABLE_FAULTS } from '../src/table/failure.ts'
import { MemoryFiles, MemoryObjectStorage } from '../src/memory/object-storage.ts'
import type { Milestone } from '../src/engine/ports.ts'
import type { ObjectStorage } from '../src/storage/object-storage.ts'
import {
  entityText,
  sinkDifferences,
  type ActualOnline,
  type ActualSinks,
} from '../test/support/compare-sinks.ts'
import { actualReject } from '../test/support/engine-run.ts'
import { recompute, type OracleResult } from '../test/support/oracle.ts'
import { milestoneProblems } from './milestones.ts'
import { checkpointProblems } from './checkpoints.ts'
import { checkTableHistory, readFeatureRows, readTiles } from './table-history.ts'
import { tableNames } from './tables.ts'
import { isOfTickedDay } from './ticked-days.ts'
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

export async function checkEnd(world: World, ends: readonly EndState[]): Promise<string[]> {
  const storage = readerOf(world)
  const partitions = world.scenario.partitions.map((part) => {
    const tickedMs = ends.find(({ partition }) => partition === part.partition)?.tickedMs
    return tickedMs === undefined ? part : { ...part, tickedMs }
  })
  const oracle = recompute(world.pipeline, partitions)
  const histories = await Promise.all(
    tableNames(world.pipeline).map((table) => checkTableHistory(storage, table)),
  )
  const ahead = await valuesAhead(world, ends)
  const differences = sinkDifferences(oracle, await readSinks(world, storage, oracle))
  const skipped = world.machines.flatMap((machine) => [...machine.skipped])
  return [
    ...differences
      .filter((line) => !ahead.some((place) => line.startsWith(place)))
      .filter((line) => !isRefusedElsewhere(line, skipped)),
    ...histories.flat().filter((problem) => !isOfTickedDay(world, problem)),
    ...ends.flatMap(({ partition, milestones }) => {
      const judged = oracle.partitions.find((one) => one.partition === partition)
      return judged === undefined ? [] : milestoneProblems(world.pipeline, judged, milestones)
    }),
    ...(await markerProblems(world, ends)),
    ...checkpointProblems(world),
  ]
}

/** A reject of a record that only a replay has judged. */
function isRefusedElsewhere(line: string, skipped: readonly string[]): boolean {
  const [, partition = '', offset = ''] = /^rejects \[(\d+)\]@(\d+): missing/.exec(line) ?? []
  return skipped.includes(`${partition}@${offset}`)
}

/** Somebody has closed days that the owner has not: its clock ran ahead, and it is no owner any more. */
export async function isBehindOthers(world: World, ends: readonly EndState[]): Promise<boolean> {
  const storage = readerOf(world)
  for (const { partition, closedDay } of ends) {
    const asOf = (await world.online.store.marker(partition))?.asOf ?? -Infinity
    if (asOf - 1 > (closedDay ?? Infinity)) return true
  }
  for (const view of world.pipeline.views) {
    const rows = await readFeatureRows(storage, view)
    const last = Math.max(...ends.map(({ closedDay }) => closedDay ?? -Infinity))
    if (rows.some(({ day }) => day > last)) return true
  }
  return false
}

/** The tables' place, over no network. */
export function readerOf(world: World): ObjectStorage {
  return new MemoryObjectStorage({
    bucket: world.tables,
    files: new MemoryFiles(),
    nowMs: () => 0,
    faults: TABLE_FAULTS,
  })
}

async function readSinks(
  world: World,
  storage: ObjectStorage,
  oracle: OracleResult,
): Promise<ActualSinks> {
  const { views } = world.pipeline
  const online = new Map<string, ActualOnline[]>()
  for (const { name, version } of views) {
    const values: ActualOnline[] = []
    for (const partition of world.scenario.partitions.keys()) {
      const page = await world.online.store.walk(`${name}:v${version}`, partition, undefined, 1e6)
      for (const { entity, fields, version: at, eventTime, nextDay } of page.values)
        values.push({ entity, fields: new Map(fields), offset: at.offset, eventTime, nextDay })
    }
    emptiedByWalk(oracle, name, values)
    online.set(name, values)
  }
  const rows = await Promise.all(views.map((view) => readFeatureRows(storage, view)))
  const tiles = await Promise.all(views.map((view) => readTiles(storage, view)))
  return {
    rows: new Map(views.map(({ name }, i) => [name, rows[i] ?? []])),
    tiles: new Map(views.map(({ name }, i) => [name, tiles[i] ?? []])),
    online,
    rejects: [...world.rejects.values()].map(actualReject),
  }
}

/**
 * Values told as of a tick that its owner took to its grave, before it moved the marker or closed the day in a table: right for
 * their version (that was checked when they were written), and ahead of what anybody knows until time has come that far.
 */
async function valuesAhead(world: World, ends: readonly EndState[]): Promise<string[]> {
  const places: string[] = []
  for (const { name, version } of world.pipeline.views) {
    for (const { partition, closedDay = Infinity, newestDay } of ends) {
      const page = await world.online.store.walk(`${name}:v${version}`, partition, undefined, 1e6)
      for (const { entity, version: found } of page.values)
        if (found.day > Math.max(closedDay + 1, newestDay))
          places.push(`${name} online ${entity}: `)
    }
  }
  if (places.length > 0) world.coverage.hit('path value as of a tick that nobody remembers')
  return places
}

/**
 * A value whose entity the state has forgotten is emptied at the position of the partition, not at the entity's last record,
 * which nobody knows any more: a later offset is right there.
 */
function emptiedByWalk(oracle: OracleResult, name: string, values: ActualOnline[]): void {
  const view = oracle.views.find((one) => one.view.name === name)
  for (const expected of view?.online ?? []) {
    if (!expected.isAllEmpty || expected.nextDay !== undefined) continue
    const entity = entityText(oracle.pipeline, view?.view.entity ?? [], expected.entity)
    const at = values.findIndex((one) => one.entity === entity)
    const found = values[at]
    if (found?.eventTime === undefined && found !== undefined && found.offset > expected.offset)
      values[at] = { ...found, offset: expected.offset }
  }
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
