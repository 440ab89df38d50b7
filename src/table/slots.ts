/**
 * The decision of a table transaction, given the current snapshot: which slot files go, which come, which are dropped.
 *
 * One rule: a slot takes a change only if the change's version (generation, position) is above all that the slot has seen.
 * What it has seen is kept where no later file can hide it:
 *  - an active file: in its own name (tags repeat it for people; other writers may drop those);
 *  - a compacted file: its name says (generation, end) for all slots of the day;
 *  - an emptied slot: it has no file, so a `txn` entry of the log remembers (slot, generation) -> position. Without it a
 *    zombie's older rows would come back into a slot that a newer writer has emptied. A zero-row marker file would do too,
 *    but small pipelines have mostly empty slots, and every reader would open thousands of empty files; entries of `txn`
 *    survive checkpoints of any Delta writer, and ours drop them once a file or a generation outranks them.
 */
import { formatDay, type DayIndex } from '../core/day.ts'
import type { SlotChange, SlotKey, TableTransaction } from '../engine/ports.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { removalOf, type Action, type AddFile, type Txn } from './delta/actions.ts'
import type { Snapshot } from './delta/snapshot.ts'
import {
  compareVersions,
  dayFolder,
  parseDataFilePath,
  versionText,
  type DataFileName,
  type SlotVersion,
} from './file-name.ts'
import { tableGeneration, vacuumCutoff } from './ownership.ts'
import { PARTITION_COLUMN } from './schema.ts'

export interface SlotPlan {
  readonly actions: readonly Action[]
  readonly applied: number
  /** Changes that came too late. */
  readonly dropped: readonly SlotChange[]
}

export interface ActiveFile extends DataFileName {
  readonly file: AddFile
}

export interface PlanContext {
  readonly table: string
  readonly snapshot: Snapshot
  readonly nowMs: number
}

/** @throws TABLE_REFUSED where the table's files are not ours; STAGED_FILES_EXPIRED where vacuum may have taken a new one */
export function planTransaction(context: PlanContext, transaction: TableTransaction): SlotPlan {
  const actions: Action[] = []
  const dropped: SlotChange[] = []
  let applied = 0
  for (const changes of groupByPartitionDay(transaction.changes)) {
    const taken = takenChanges(context, transaction.generation, changes)
    dropped.push(...changes.filter((change) => !taken.includes(change)))
    applied += taken.length
    if (taken.length > 0) actions.push(...replace(context, transaction.generation, taken))
  }
  for (const txn of raisedDays(context, transaction)) actions.push({ txn })
  return { actions, applied, dropped }
}

/** Active files of a partition's day. @throws TABLE_REFUSED where one is not ours or a slot has two */
export function activeFiles(context: PlanContext, day: DayIndex, partition: number): ActiveFile[] {
  const found: ActiveFile[] = []
  for (const file of context.snapshot.filesIn(dayFolder(day))) {
    const name = parseDataFilePath(file.path)
    if (!name) throw foreignFile(context, file.path)
    if (name.partition === partition) found.push({ ...name, file })
  }
  const slots = found.map(({ slots }) => (slots.kind === 'one' ? slots.slot : 'all'))
  const whole = slots.includes('all') && slots.length > 1
  if (whole || new Set(slots).size < slots.length) {
    throw foreignFile(context, found.map(({ file }) => file.path).join(' and '))
  }
  return found
}

/** Last day that is in the table with every slot, by partition: the control table. Of one whose days were forgotten it says none. */
export function completeDays(table: string, snapshot: Snapshot): Map<number, DayIndex> {
  const days = new Map<number, DayIndex>()
  for (const { appId, version } of snapshot.transactions()) {
    const partition = controlPartition(table, appId)
    if (partition !== undefined && version >= 0) days.set(partition, version)
  }
  return new Map([...days].sort(([a], [b]) => a - b))
}

/** False for the memory of an emptied slot that a file or a generation outranks by now. */
export function isRemembered(table: string, snapshot: Snapshot, txn: Txn): boolean {
  const empty = parseEmptySlot(table, txn.appId)
  if (!empty) return true
  if (empty.generation < tableGeneration(snapshot)) return false
  const version: SlotVersion = { generation: empty.generation, position: txn.version }
  for (const file of snapshot.filesIn(`ds=${empty.day}`)) {
    const name = parseDataFilePath(file.path)
    if (name?.partition !== empty.partition || compareVersions(name, version) < 0) continue
    if (name.slots.kind === 'all' || name.slots.slot === empty.slot) return false
  }
  return true
}

export function addOf(
  path: string,
  file: { bytes: number; stats: string },
  dataChange: boolean,
): AddFile {
  const name = parseDataFilePath(path)
  invariant(name, `a data file has a name of ours: ${path}`)
  return {
    path,
    partitionValues: { [PARTITION_COLUMN]: formatDay(name.day) },
    size: file.bytes,
    modificationTime: name.stagedMs,
    dataChange,
    stats: file.stats,
    tags: {
      'tidemark.partition': String(name.partition),
      'tidemark.slot': name.slots.kind === 'one' ? String(name.slots.slot) : 'all',
      'tidemark.version': versionText(name),
    },
  }
}

/** @throws STAGED_FILES_EXPIRED */
export function checkStaged({ table, snapshot }: PlanContext, path: string): void {
  const cutoff = vacuumCutoff(snapshot)
  const staged = parseDataFilePath(path)?.stagedMs ?? 0
  if (staged >= cutoff) return
  throw new TidemarkError(
    'STAGED_FILES_EXPIRED',
    `table ${table}: ${path} was staged at ${new Date(staged).toISOString()}, before the vacuum cut-off ` +
      `${new Date(cutoff).toISOString()}, and may be deleted. Nothing was committed: its slots are written anew.`,
  )
}

function takenChanges(
  context: PlanContext,
  generation: number,
  changes: readonly SlotChange[],
): SlotChange[] {
  const [{ day, partition }] = changes as [SlotChange]
  const active = activeFiles(context, day, partition)
  const taken = changes.filter((change) => {
    const version = { generation, position: change.position }
    return seenVersions(context, active, { generation, slot: change }).every(
      (seen) => compareVersions(seen, version) < 0,
    )
  })
  for (const { file } of taken) if (file) checkStaged(context, file.path)
  return taken
}

/** What a slot has seen. @param active of its partition and day */
export function seenVersions(
  { table, snapshot }: PlanContext,
  active: readonly ActiveFile[],
  { generation, slot }: { readonly generation: number; readonly slot: SlotKey },
): SlotVersion[] {
  const seen: SlotVersion[] = active.filter((file) => coversSlot(file, slot.slot))
  const emptied = snapshot.transaction(emptySlotId(table, generation, slot))
  return emptied === undefined ? seen : [...seen, { generation, position: emptied }]
}

function replace(context: PlanContext, generation: number, taken: readonly SlotChange[]): Action[] {
  const [{ day, partition }] = taken as [SlotChange]
  const active = activeFiles(context, day, partition)
  checkWholeDay(context, active, taken)
  const gone = active.filter((file) => taken.some((change) => coversSlot(file, change.slot)))
  return [
    ...gone.map(({ file }) => ({ remove: removalOf(file, context.nowMs, true) })),
    ...taken.map((change) => arrival(context, generation, change)),
  ]
}

function arrival({ table, nowMs }: PlanContext, generation: number, change: SlotChange): Action {
  const { file, position } = change
  if (!file) {
    const appId = emptySlotId(table, generation, change)
    return { txn: { appId, version: position, lastUpdated: nowMs } }
  }
  const name = parseDataFilePath(file.path)
  const isTheChanges =
    name?.day === change.day &&
    name.partition === change.partition &&
    coversSlot(name, change.slot) &&
    name.slots.kind === 'one' &&
    compareVersions(name, { generation, position }) === 0
  invariant(isTheChanges, `a staged file is committed as what it was written for: ${file.path}`)
  return { add: addOf(file.path, file, true) }
}

/** A compacted file cannot give up one slot: a newer generation replaces all of them in one transaction. */
function checkWholeDay(
  context: PlanContext,
  active: readonly ActiveFile[],
  taken: readonly SlotChange[],
): void {
  for (const { slots, file } of active) {
    if (slots.kind === 'one') continue
    const present = new Set(taken.map((change) => change.slot))
    const missing = Array.from({ length: slots.count }, (_, slot) => slot).filter(
      (slot) => !present.has(slot),
    )
    if (missing.length === 0) continue
    throw new TidemarkError(
      'TABLE_REFUSED',
      `table ${context.table}: ${file.path} holds all ${slots.count} slots of its day (compacted); a newer generation ` +
        `replaces all of them in one transaction, but slots ${missing.join(', ')} are missing. Write the whole day again.`,
      { details: { compacted: file.path, missing } },
    )
  }
}

function* raisedDays(
  { table, snapshot, nowMs }: PlanContext,
  transaction: TableTransaction,
): Iterable<Txn> {
  const raised = new Map<number, DayIndex>()
  for (const { partition, day } of transaction.complete) {
    invariant(day >= 0, `a complete day is not before 1970: ${day}`)
    const known = raised.get(partition) ?? snapshot.transaction(controlId(table, partition)) ?? -1
    if (day > known) raised.set(partition, day)
  }
  for (const [partition, day] of raised) {
    yield { appId: controlId(table, partition), version: day, lastUpdated: nowMs }
  }
}

function groupByPartitionDay(changes: readonly SlotChange[]): SlotChange[][] {
  const groups = new Map<string, SlotChange[]>()
  for (const change of changes) {
    const key = `${change.day}/${change.partition}`
    const group = groups.get(key) ?? []
    invariant(
      group.every(({ slot }) => slot !== change.slot),
      `a transaction changes a slot once: day ${change.day}, partition ${change.partition}, slot ${change.slot}`,
    )
    group.push(change)
    groups.set(key, group)
  }
  return [...groups.values()]
}

export function coversSlot({ slots }: DataFileName, slot: number): boolean {
  return slots.kind === 'all' || slots.slot === slot
}

export function controlId(table: string, partition: number): string {
  return `tidemark/${table}/${partition}`
}

function controlPartition(table: string, appId: string): number | undefined {
  const prefix = `tidemark/${table}/`
  const rest = appId.startsWith(prefix) ? appId.slice(prefix.length) : ''
  return /^\d+$/.test(rest) ? Number(rest) : undefined
}

function emptySlotId(table: string, generation: number, { day, partition, slot }: SlotKey): string {
  return `${controlId(table, partition)}/${formatDay(day)}/${slot}/g${generation}`
}

function parseEmptySlot(
  table: string,
  appId: string,
): { partition: number; day: string; slot: number; generation: number } | undefined {
  const prefix = `tidemark/${table}/`
  if (!appId.startsWith(prefix)) return undefined
  const [, partition, day, slot, generation] =
    /^(\d+)\/(\d{4}-\d{2}-\d{2})\/(\d+)\/g(\d+)$/.exec(appId.slice(prefix.length)) ?? []
  if (day === undefined) return undefined
  return { partition: Number(partition), day, slot: Number(slot), generation: Number(generation) }
}

function foreignFile({ table, snapshot }: PlanContext, path: string): TidemarkError {
  return new TidemarkError(
    'TABLE_REFUSED',
    `table ${table}, version ${snapshot.version}: ${path} cannot be one slot each; another program has rewritten the ` +
      `table (OPTIMIZE, a delete, a compaction). Restore the version before it, then start again.`,
  )
}
