/**
 * Keys of the stores. LevelDB sorts keys by their bytes, and everything that is read together must lie together:
 *
 *     h view slot entity          settled tiles of an entity, one record
 *     o view day slot entity      one loose tile
 *     i day id                    an event id seen in a bucket
 *     m day generation            a milestone
 *     s slot key                  a dirty slot
 *
 * Numbers are written in digits of seven bits, so that a key is an ordinary string: its UTF-8 is as compact as binary
 * and sorts the same, and the binding takes strings faster than buffers (measured). An entity comes last and needs no
 * escaping, whatever it contains.
 */
import type { DayIndex } from '../core/day.ts'
import { compareText } from '../core/text.ts'
import { invariant } from '../errors.ts'

export const VIEW_MAX = 2 ** 14 - 2
export const SLOT_MAX = 2 ** 16 - 1
/** Days before the one that the smallest key stands for; the range covers every instant that JavaScript knows. */
const DAY_BIAS = 2 ** 27

const HISTORY_ENTITY = 6
const LOOSE_ENTITY = 10
/** Where the id begins in the key of a seen one. */
export const ID_START = 5

/** What a tile belongs to; also a place in the order of records. */
export interface RecordPlace {
  readonly view: number
  readonly slot: number
  readonly entity: string
}

/** A half-open range of keys. */
export interface KeyRange {
  readonly gte?: string
  readonly gt?: string
  readonly lt: string
}

export function historyKey({ view, slot, entity }: RecordPlace): string {
  return 'h' + viewDigits(view) + slotDigits(slot) + entity
}

export function looseKey({ view, slot, entity }: RecordPlace, day: DayIndex): string {
  return 'o' + viewDigits(view) + dayDigits(day) + slotDigits(slot) + entity
}

/** The key of the record that a loose tile belongs to: its own key without the day. */
export function historyKeyOf(loose: string): string {
  return 'h' + loose.slice(1, 3) + loose.slice(7)
}

/** Start of the keys of one view and day; `slotDigits(slot) + entity` completes one. */
export function loosePrefix(view: number, day: DayIndex): string {
  return 'o' + viewDigits(view) + dayDigits(day)
}

export function historyPlace(key: string): RecordPlace {
  return {
    view: number(key, 1, 2),
    slot: number(key, 3, 3),
    entity: key.slice(HISTORY_ENTITY),
  }
}

export function loosePlace(key: string): RecordPlace {
  return {
    view: number(key, 1, 2),
    slot: number(key, 7, 3),
    entity: key.slice(LOOSE_ENTITY),
  }
}

/** Settled records of a view, after `after`. */
export function historyRange(view: number, after: RecordPlace | undefined): KeyRange {
  return { ...start(historyKey, view, after), lt: 'h' + viewDigits(view + 1) }
}

/** Settled records of one hash slot, after `after`. */
export function historySlotRange(view: number, slot: number, after: string | undefined): KeyRange {
  const lt = historyKey({ view, slot: slot + 1, entity: '' })
  if (after !== undefined) return { gt: historyKey({ view, slot, entity: after }), lt }
  return { gte: historyKey({ view, slot, entity: '' }), lt }
}

/** Loose tiles of a view and day, after `after`. */
export function looseRange(view: number, day: DayIndex, after: RecordPlace | undefined): KeyRange {
  return { ...start((place) => looseKey(place, day), view, after), lt: loosePrefix(view, day + 1) }
}

/** Loose tiles of one hash slot and day, after `after`. */
export function looseSlotRange(
  { view, slot }: Omit<RecordPlace, 'entity'>,
  day: DayIndex,
  after: string | undefined,
): KeyRange {
  const lt = looseKey({ view, slot: slot + 1, entity: '' }, day)
  if (after !== undefined) return { gt: looseKey({ view, slot, entity: after }, day), lt }
  return { gte: looseKey({ view, slot, entity: '' }, day), lt }
}

export function idKey(day: DayIndex, id: string): string {
  return 'i' + dayDigits(day) + id
}

export function idRange(day: DayIndex): KeyRange {
  return { gte: idKey(day, ''), lt: idKey(day + 1, '') }
}

export function milestoneKey(day: DayIndex, generation: number): string {
  return 'm' + dayDigits(day) + digits(generation, 7)
}

export function milestoneRange(from: DayIndex | undefined): KeyRange {
  return { gte: from === undefined ? 'm' : 'm' + dayDigits(from), lt: 'n' }
}

export function dirtyKey(slotKey: string): string {
  return 's' + slotKey
}

export const DIRTY_RANGE: KeyRange = { gte: 's', lt: 't' }

/** Order of the records of a store: by view, slot, then the entity's UTF-8 bytes. */
export function comparePlaces(a: RecordPlace, b: RecordPlace): number {
  return a.view - b.view || a.slot - b.slot || compareText(a.entity, b.entity)
}

/** Where a range begins: after a place of the same view, or with the view. */
function start(
  keyOf: (place: RecordPlace) => string,
  view: number,
  after: RecordPlace | undefined,
): { readonly gte: string } | { readonly gt: string } {
  if (after !== undefined && after.view === view) return { gt: keyOf(after) }
  return { gte: keyOf({ view, slot: 0, entity: '' }) }
}

function viewDigits(view: number): string {
  return digits(view, 2)
}

export function slotDigits(slot: number): string {
  return String.fromCharCode(slot >>> 14, (slot >>> 7) & 127, slot & 127)
}

function dayDigits(day: DayIndex): string {
  invariant(Number.isInteger(day) && Math.abs(day) < DAY_BIAS, `a day index is in range: ${day}`)
  return digits(day + DAY_BIAS, 4)
}

/** Big-endian digits of seven bits: as bytes they sort like the numbers. */
function digits(value: number, count: number): string {
  let text = ''
  let rest = value
  for (let i = 0; i < count; i += 1) {
    const high = Math.floor(rest / 128)
    text = String.fromCharCode(rest - high * 128) + text
    rest = high
  }
  invariant(rest === 0 && value >= 0, `${value} fits ${count} digits`)
  return text
}

function number(key: string, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i += 1) value = value * 128 + key.charCodeAt(at + i)
  return value
}
