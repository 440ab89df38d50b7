/**
 * What a table's log and its files say, read without the product's own reader, so that a bug there shows as a difference.
 */
import { readRows } from './parquet-engine.ts'
import type { Value } from '../src/core/value.ts'

type Cell = Value | Uint8Array

/** A slot's version: generation, then position; a compacted file's position is above all. */
export interface Version {
  readonly generation: number
  readonly position: number
}

export interface FileName extends Version {
  readonly ds: string
  readonly partition: number
  /** Undefined: all slots (compacted). */
  readonly slot: number | undefined
  /** How many slots a compacted file holds. */
  readonly slots: number
}

export interface TableRow {
  readonly ds: string
  /** Day and entity: at most once in a table. */
  readonly key: string
  readonly cells: ReadonlyMap<string, Cell>
}

/** Undefined for a name that Tidemark does not give. */
export function parseFileName(path: string): FileName | undefined {
  const [, ds, partition, kind, slot, generation, position] =
    /^ds=(\d{4}-\d{2}-\d{2})\/p(\d+)-(s|all)(\d+)-g(\d+)-x(\d+|end)-[0-9a-f]{20}\.parquet$/.exec(
      path,
    ) ?? []
  if (ds === undefined) return undefined
  return {
    ds,
    partition: Number(partition),
    slot: kind === 's' ? Number(slot) : undefined,
    slots: kind === 's' ? 1 : Number(slot),
    generation: Number(generation),
    position: position === 'end' ? Infinity : Number(position),
  }
}

/** The memory of an emptied slot: `tidemark/<table>/<partition>/<day>/<slot>/g<generation>`. */
export function parseEmptiedSlot(
  table: string,
  appId: string,
):
  | {
      readonly partition: number
      readonly ds: string
      readonly slot: number
      readonly generation: number
    }
  | undefined {
  const rest = appId.startsWith(`tidemark/${table}/`) ? appId.slice(table.length + 10) : ''
  const [, partition, ds, slot, generation] =
    /^(\d+)\/(\d{4}-\d{2}-\d{2})\/(\d+)\/g(\d+)$/.exec(rest) ?? []
  if (ds === undefined) return undefined
  return { partition: Number(partition), ds, slot: Number(slot), generation: Number(generation) }
}

/** What a publish or a rollback leaves, with its generation as the version. */
export function isSwapMark(table: string, appId: string): boolean {
  return appId === `tidemark/${table}/swapped`
}

/** The control entry of a partition: `tidemark/<table>/<partition>`. */
export function parseControl(table: string, appId: string): number | undefined {
  const rest = appId.startsWith(`tidemark/${table}/`) ? appId.slice(table.length + 10) : ''
  return /^\d+$/.test(rest) ? Number(rest) : undefined
}

export function slotName(slot: { ds: string; partition: number; slot: number }): string {
  return `${slot.ds} p${slot.partition} s${slot.slot}`
}

/** Above 0 where `a` is the higher one. */
export function compareVersions(a: Version, b: Version): number {
  if (a.generation !== b.generation) return a.generation - b.generation
  return a.position === b.position ? 0 : a.position - b.position
}

export function versionText({ generation, position }: Version): string {
  return `(${generation}, ${position})`
}

/** The rows of a data file, each with its key. @param sortedBy the entity's columns */
export function tableRows(
  bytes: Uint8Array,
  { ds }: FileName,
  sortedBy: readonly string[],
): TableRow[] {
  const { columns, rows } = readRows(bytes)
  return rows.map((row) => {
    const cells = new Map(columns.map(({ name }, i) => [name, row[i] ?? null]))
    const entity = sortedBy.map((name) => String(cells.get(name) ?? null))
    return { ds, key: `${ds} ${JSON.stringify(entity)}`, cells }
  })
}

/** A row as text, to compare contents. */
export function rowText({ ds, cells }: TableRow): string {
  const parts = [...cells].map(([name, cell]) => {
    const value = cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : String(cell)
    return `${name}=${typeof cell} ${value}`
  })
  return [ds, ...parts].join(' ')
}

export function slotsOf({ slot, slots }: FileName): number[] {
  return slot === undefined ? Array.from({ length: slots }, (_, i) => i) : [slot]
}

export function slotNames(name: FileName): string[] {
  return slotsOf(name).map((slot) => slotName({ ...name, slot }))
}
