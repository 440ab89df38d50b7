/** The decision of a swap's transaction, given the current snapshot: which files come, which go, which slots their owners keep. Pure. */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import { removalOf, type Action, type MetaData } from './delta/actions.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { compareVersions, type DataFileName } from './file-name.ts'
import { PROTOCOL, SETTING, tableGeneration, withSetting } from './ownership.ts'
import { addColumns, parseSchema, schemaString } from './schema.ts'
import { activeFiles, completeDays, controlId, coversSlot, seenVersions } from './slots.ts'
import type { ActiveFile, PlanContext } from './slots.ts'

/** What a day of a partition is to say: exactly these files. */
export interface WantedPlace {
  readonly day: DayIndex
  readonly partition: number
  readonly files: readonly SourceFile[]
}

export interface SourceFile extends DataFileName {
  /** Path in the place of the tables. */
  readonly from: string
  readonly bytes: number
  readonly stats: string
}

export interface SwapRequest {
  /** Of the record that brings the change. */
  readonly generation: number
  /** Hash slots of a partition's day. */
  readonly slots: number
  readonly operation: 'REPLAY PUBLISH' | 'REPLAY ROLLBACK'
  /** Id, for people. */
  readonly replay: string
  /** Of a table that is made where there is none, or that lacks columns. Undefined: of the columns nothing changes. */
  readonly metaData: MetaData | undefined
  /** Every place that changes, given the table as it is; undefined: there is none yet. Others stay as they are. */
  readonly want: (snapshot: Snapshot | undefined) => readonly WantedPlace[]
  /**
   * Last complete days, by partition. A publish takes them back to these, where a watermark that was reset had raised them; a rollback
   * brings them back.
   */
  readonly complete?: ReadonlyMap<number, DayIndex>
  readonly onProgress?: (copied: number, files: number) => void
}

export interface SwapPlan {
  readonly actions: readonly Action[]
  readonly filesIn: number
  readonly filesOut: number
  readonly kept: number
}

/** Nothing to write. */
export const NO_SWAP: SwapPlan = { actions: [], filesIn: 0, filesOut: 0, kept: 0 }

export interface SwapContext {
  readonly table: string
  readonly request: SwapRequest
  readonly nowMs: number
  /** The action that brings the copy of a file in. */
  readonly arrival: (file: SourceFile) => Action
}

/** Whether a transaction of this generation, or a later one, was here already. */
export function isSwapped(table: string, snapshot: Snapshot, generation: number): boolean {
  return newestSwap(table, snapshot) >= generation
}

/** 0: none. */
export function newestSwap(table: string, snapshot: Snapshot): number {
  return snapshot.transaction(markId(table)) ?? 0
}

export function planCreation(
  { table, request, nowMs, arrival }: SwapContext,
  id: string,
  wanted: readonly WantedPlace[],
): SwapPlan {
  const { metaData, generation } = request
  if (metaData === undefined) return NO_SWAP
  const made = withSetting(
    { ...metaData, id, createdTime: nowMs },
    SETTING.generation,
    String(generation),
  )
  const files = wanted.flatMap((place) => place.files)
  const mark = markOf(table, generation, nowMs)
  return {
    actions: [{ protocol: PROTOCOL }, { metaData: made }, mark, ...files.map(arrival)],
    filesIn: files.length,
    filesOut: 0,
    kept: 0,
  }
}

/** @throws TABLE_REFUSED */
export function planSwap(
  context: SwapContext,
  snapshot: Snapshot,
  wanted: readonly WantedPlace[],
): SwapPlan {
  const { table, request, nowMs } = context
  const plans = wanted.map((place) => planPlace(context, { table, snapshot, nowMs }, place))
  const sum = (of: (plan: SwapPlan) => number): number =>
    plans.reduce((total, plan) => total + of(plan), 0)
  return {
    actions: [
      ...raised(table, request, snapshot),
      markOf(table, request.generation, nowMs),
      ...controls(context, snapshot),
      ...plans.flatMap(({ actions }) => actions),
    ],
    filesIn: sum(({ filesIn }) => filesIn),
    filesOut: sum(({ filesOut }) => filesOut),
    kept: sum(({ kept }) => kept),
  }
}

/** Columns that the table lacks, behind its own. @throws TABLE_REFUSED where a column has another type */
export function addedColumns(
  table: string,
  { metaData }: SwapRequest,
  snapshot: Snapshot,
): ColumnSpec[] | undefined {
  if (metaData === undefined) return undefined
  const present = parseSchema(table, snapshot.metaData.schemaString)
  return addColumns(table, present, parseSchema(table, metaData.schemaString))
}

function markId(table: string): string {
  return `tidemark/${table}/swapped`
}

function markOf(table: string, generation: number, nowMs: number): Action {
  return { txn: { appId: markId(table), version: generation, lastUpdated: nowMs } }
}

function raised(table: string, request: SwapRequest, snapshot: Snapshot): Action[] {
  const { generation } = request
  const columns = addedColumns(table, request, snapshot)
  const now = tableGeneration(snapshot)
  if (now >= generation && columns === undefined) return []
  const { metaData } = snapshot
  const extended = columns ? { ...metaData, schemaString: schemaString(columns) } : metaData
  return [
    { metaData: withSetting(extended, SETTING.generation, String(Math.max(generation, now))) },
  ]
}

function controls({ table, request, nowMs }: SwapContext, snapshot: Snapshot): Action[] {
  const now = completeDays(table, snapshot)
  const direction = request.operation === 'REPLAY ROLLBACK' ? 1 : -1
  return [...(request.complete ?? [])]
    .filter(([partition, day]) => (day - (now.get(partition) ?? -1)) * direction > 0)
    .map(([partition, day]) => ({
      txn: {
        appId: controlId(table, partition),
        version: Math.max(-1, day),
        lastUpdated: nowMs,
      },
    }))
}

function planPlace(
  { table, request, arrival }: SwapContext,
  context: PlanContext,
  place: WantedPlace,
): SwapPlan {
  const active = activeFiles(context, place.day, place.partition)
  const written = writtenSlots(request, context, { place, active })
  const keeps = (file: DataFileName): boolean => slotsOf(file, written).length > 0
  for (const file of [...place.files, ...active]) checkWhole(table, file, written)
  const incoming = place.files.filter((file) => !keeps(file))
  const outgoing = active.filter((file) => !keeps(file))
  return {
    actions: [
      ...outgoing.map(({ file }) => ({ remove: removalOf(file, context.nowMs, true) })),
      ...incoming.map(arrival),
    ],
    filesIn: incoming.length,
    filesOut: outgoing.length,
    kept: place.files.length - incoming.length,
  }
}

/** Slots of a place that an owner of the generation, or of one after it, has written, or emptied, meanwhile. */
function writtenSlots(
  { generation, slots }: SwapRequest,
  context: PlanContext,
  { place, active }: { readonly place: WantedPlace; readonly active: readonly ActiveFile[] },
): number[] {
  const { day, partition, files } = place
  const later = Math.max(0, tableGeneration(context.snapshot) - generation)
  const owners = Array.from({ length: later + 1 }, (_, i) => generation + i)
  return Array.from({ length: slots }, (_, slot) => slot).filter((slot) => {
    const file = files.find((each) => coversSlot(each, slot))
    // Of an empty slot, or one of many in a file, such an owner knows more.
    const position = file?.slots.kind === 'one' ? file.position : 0
    const key = { day, partition, slot }
    const seen = owners.flatMap((owner) =>
      seenVersions(context, active, { generation: owner, slot: key }),
    )
    return seen.some((each) => compareVersions(each, { generation, position }) >= 0)
  })
}

/** A compacted file goes or stays as a whole. */
function checkWhole(table: string, file: DataFileName, written: readonly number[]): void {
  const taken = slotsOf(file, written).length
  if (taken === 0 || file.slots.kind === 'one' || taken === file.slots.count) return
  throw new TidemarkError(
    'TABLE_REFUSED',
    `table ${table}: the owner of partition ${file.partition} has written ${taken} slots of a day that is compacted, and they ` +
      `cannot be told apart from the others. Replay that day once more`,
  )
}

function slotsOf(file: DataFileName, slots: readonly number[]): number[] {
  return slots.filter((slot) => coversSlot(file, slot))
}
