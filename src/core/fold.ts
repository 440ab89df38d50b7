/**
 * THE step: a judged batch into tiles. Pure but for the memory it is given; the engine loads what is missing between
 * `route` and `apply`, and nothing else happens in between.
 *
 *     judge (bytes, time, id)  ->  route (which view, entity, tile)  ->  [load missing tiles]  ->  apply (add values)
 *
 * One fold serves live, preview and, later, replay.
 */
import type { DayIndex } from './day.ts'
import { formatSlot } from './dirty-slot.ts'
import type { EventBatch } from './event.ts'
import { Verdict } from './judge.ts'
import type { JudgedBatch } from './judge.ts'
import { slotOf } from './slot.ts'
import { TileCache } from './tile-cache.ts'
import { OFFSET_CELL } from './tile-slab.ts'
import type { ViewPlan } from './view-plan.ts'

/** Why an accepted record is not in a view. The first two are rejects; the others are only counted. */
export type ViewOutcome = 'missing_key' | 'bad_field' | 'not_entity' | 'filtered'

export interface ViewReject {
  readonly index: number
  readonly view: ViewPlan
  readonly reason: 'missing_key' | 'bad_field'
  /** The field at fault, by index. */
  readonly field: number
}

export interface MissingTile {
  readonly slot: number
  readonly day: DayIndex
  readonly entity: string
}

export interface RoutedBatch {
  readonly view: ViewPlan
  readonly cache: TileCache
  /** Per routed record: its index in the batch and its tile's place in the cache. */
  readonly indexes: Int32Array
  readonly tiles: Int32Array
  readonly count: number
  /** Tiles that the state may hold. */
  readonly missing: readonly MissingTile[]
}

export interface FoldNotes {
  /** Slots that a correction dirtied -> offset of the last record that did. */
  readonly dirty: Map<string, number>
  readonly rejects: ViewReject[]
  readonly counts: Map<string, number>
}

export interface Unused {
  readonly outcome: ViewOutcome
  /** The field at fault, by index; -1 for a filter. */
  readonly field: number
}

const FILTERED: Unused = { outcome: 'filtered', field: -1 }

/** Why a record is not in a view; undefined where it is. */
export function whyUnused(
  view: ViewPlan,
  { columns }: EventBatch,
  i: number,
  day: DayIndex,
): Unused | undefined {
  for (const field of view.keyFields) {
    if (columns[field]?.[i] === null) return { outcome: 'missing_key', field }
  }
  for (const { field, since } of view.fieldsUsed) {
    if (columns[field]?.[i] === undefined && day >= since) return { outcome: 'bad_field', field }
  }
  for (const field of view.entityFields) {
    if (columns[field]?.[i] === null) return { outcome: 'not_entity', field }
  }
  return view.where !== undefined && view.where(columns, i) !== true ? FILTERED : undefined
}

/** The entity of a record that `whyUnused` has nothing against. */
export function entityOf(view: ViewPlan, { columns }: EventBatch, i: number): string {
  const values = view.entityFields.map((field) => columns[field]?.[i] ?? null)
  return view.entity.encode(values)
}

export class ViewFold {
  readonly view: ViewPlan
  readonly cache: TileCache
  readonly #slots: number
  readonly #record = { offset: 0, eventTime: 0, timestamp: 0 }

  constructor(view: ViewPlan, limits: { readonly tilesMax: number; readonly slots: number }) {
    this.view = view
    this.#slots = limits.slots
    this.cache = new TileCache(view.layout, limits.tilesMax)
  }

  route(events: EventBatch, judged: JudgedBatch, notes: FoldNotes): RoutedBatch {
    const records = events.records.count
    const indexes = new Int32Array(records)
    const tiles = new Int32Array(records)
    const missing: MissingTile[] = []
    let count = 0
    for (let i = 0; i < records; i += 1) {
      if (judged.verdicts[i] !== Verdict.ACCEPTED) continue
      const day = judged.buckets[i] as DayIndex
      const entity = this.#entityOf(events, i, day, notes)
      if (entity === undefined) continue
      let slot = this.cache.find(day, entity)
      if (slot === undefined) {
        slot = this.cache.add(day, entity)
        missing.push({ slot, day, entity })
      }
      this.cache.markChanged(slot)
      indexes[count] = i
      tiles[count] = slot
      count += 1
      if (day <= (judged.closedBefore[i] as number))
        this.#noteCorrection(events, judged, { i, day, entity }, notes)
    }
    return { view: this.view, cache: this.cache, indexes, tiles, count, missing }
  }

  apply(routed: RoutedBatch, events: EventBatch, { buckets }: JudgedBatch): void {
    const { records, eventTimes, columns } = events
    const { layout, adders } = this.view
    const { slab } = this.cache
    const record = this.#record
    const held = heldRecords(routed, records.offsets)
    for (let n = 0; n < routed.count; n += 1) {
      if (held?.has(n) === true) continue
      const i = routed.indexes[n] as number
      const slot = routed.tiles[n] as number
      record.offset = records.offsets[i] as number
      record.eventTime = eventTimes[i] as number
      record.timestamp = records.timestamps[i] as number
      layout.touch(slab, slot, record)
      for (let a = 0; a < adders.length; a += 1) {
        const adder = adders[a] as (typeof adders)[number]
        if ((buckets[i] as DayIndex) < adder.since) continue
        if (adder.where !== undefined && adder.where(columns, i) !== true) continue
        const value = adder.field < 0 ? 1 : (columns[adder.field]?.[i] ?? null)
        if (value === null) continue
        const aggregate = (layout.placed[a] as (typeof layout.placed)[number]).aggregate
        aggregate.add(slab, layout.place(slot, a), value, record.eventTime, record.offset)
      }
    }
  }

  /** The entity of a record, or undefined (noted) where the record is not this view's. */
  #entityOf(events: EventBatch, i: number, day: DayIndex, notes: FoldNotes): string | undefined {
    const { view } = this
    const unused = whyUnused(view, events, i, day)
    if (unused === undefined) return entityOf(view, events, i)
    const { outcome, field } = unused
    if (outcome === 'missing_key' || outcome === 'bad_field')
      notes.rejects.push({ index: i, view, reason: outcome, field })
    const name = `${view.title} ${outcome}`
    notes.counts.set(name, (notes.counts.get(name) ?? 0) + 1)
    return undefined
  }

  /** An accepted record corrects the closed days among bucket .. bucket + longest window, and its day's tiles. */
  #noteCorrection(
    events: EventBatch,
    judged: JudgedBatch,
    record: { readonly i: number; readonly day: DayIndex; readonly entity: string },
    notes: FoldNotes,
  ): void {
    const { index: view, longestWindow } = this.view
    const slot = slotOf(record.entity, this.#slots)
    const offset = events.records.offsets[record.i] as number
    const last = Math.min(judged.closedBefore[record.i] as number, record.day + longestWindow)
    notes.dirty.set(formatSlot({ kind: 'tiles', view, day: record.day, slot }), offset)
    for (let day = record.day; day <= last; day += 1) {
      notes.dirty.set(formatSlot({ kind: 'rows', view, day, slot }), offset)
    }
  }
}

/**
 * Records that their tile holds already, by their place in the routed batch: a replay may have loaded it from its table, with all
 * that came up to the tile's own offset. Asked before the first is added: what is added at one offset belongs together.
 */
function heldRecords(
  { cache: { slab }, indexes, tiles, count }: RoutedBatch,
  offsets: Float64Array,
): ReadonlySet<number> | undefined {
  let held: Set<number> | undefined
  for (let n = 0; n < count; n += 1) {
    const offset = offsets[indexes[n] as number] as number
    if (slab.cell(tiles[n] as number, OFFSET_CELL) < offset) continue
    held ??= new Set()
    held.add(n)
  }
  return held
}
