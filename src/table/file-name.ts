/**
 * Names of data files: slot, generation, position and time of staging, so that no writer of the table can lose them.
 *
 *   ds=2001-01-05/p0003-s002-g0001-x0000000000000012345-018f2a3b4c5d9e8f7a6b.parquet
 *                 partition slot generation position     staged (ms, hex) + random
 *
 * A compacted file holds all slots of a partition's day: `all016` (of sixteen), and `xend`, above every position of its
 * generation.
 */
import { formatDay, parseDay, type DayIndex } from '../core/day.ts'

/** The position of a compacted file: nothing of its generation comes after it. */
export const END = Number.POSITIVE_INFINITY

/** A slot's versions are compared in this order. */
export interface SlotVersion {
  readonly generation: number
  readonly position: number
}

/** One hash slot, or all of them (compacted) with their number. */
export type SlotRange =
  { readonly kind: 'one'; readonly slot: number } | { readonly kind: 'all'; readonly count: number }

export interface DataFileName extends SlotVersion {
  readonly day: DayIndex
  readonly partition: number
  readonly slots: SlotRange
  /** Writer's wall clock when the file was begun, ms. Vacuum and commit compare this same number. */
  readonly stagedMs: number
}

const PATTERN =
  /^ds=(\d{4}-\d{2}-\d{2})\/p(\d{4,})-(s|all)(\d{3,})-g(\d{4,})-x(\d{19}|end)-([0-9a-f]{12})[0-9a-f]{8}\.parquet$/

/** A new, immutable name. @param id unique: no two calls with the same */
export function dataFilePath(file: DataFileName, id: string): string {
  const slots =
    file.slots.kind === 'one' ? `s${pad(file.slots.slot, 3)}` : `all${pad(file.slots.count, 3)}`
  const position = file.position === END ? 'end' : pad(file.position, 19)
  const staged = file.stagedMs.toString(16).padStart(12, '0')
  const name = [
    `p${pad(file.partition, 4)}`,
    slots,
    `g${pad(file.generation, 4)}`,
    `x${position}`,
    `${staged}${id.slice(0, 8)}`,
  ]
  return `${dayFolder(file.day)}/${name.join('-')}.parquet`
}

/** Undefined for a name that we did not give. */
export function parseDataFilePath(path: string): DataFileName | undefined {
  const [, day, partition, kind, slot, generation, position, staged] = PATTERN.exec(path) ?? []
  const index = parseDay(day ?? '')
  if (index === undefined || staged === undefined) return undefined
  return {
    day: index,
    partition: Number(partition),
    slots:
      kind === 'all' ? { kind: 'all', count: Number(slot) } : { kind: 'one', slot: Number(slot) },
    generation: Number(generation),
    position: position === 'end' ? END : Number(position),
    stagedMs: Number.parseInt(staged, 16),
  }
}

function pad(number: number, width: number): string {
  return String(number).padStart(width, '0')
}

export function dayFolder(day: DayIndex): string {
  return `ds=${formatDay(day)}`
}

/** Undefined: another name. */
export function dayOfFolder(name: string): DayIndex | undefined {
  return name.startsWith('ds=') ? parseDay(name.slice(3)) : undefined
}

/** Negative where `a` is the lower version. */
export function compareVersions(a: SlotVersion, b: SlotVersion): number {
  if (a.generation !== b.generation) return a.generation - b.generation
  return a.position === b.position ? 0 : a.position - b.position
}

export function versionText({ generation, position }: SlotVersion): string {
  return `(${generation}, ${position === END ? 'end' : position})`
}
