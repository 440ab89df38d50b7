/**
 * One table of one partition: which days have closed and are not wholly in it yet. A day is complete once every slot has
 * been written since it closed; corrections that come later do not take that back.
 */
import type { DayIndex } from '../core/day.ts'
import type { DirtySlot, SlotKind } from '../core/dirty-slot.ts'
import type { FeatureTable, TablePosition, TableVersions } from './ports.ts'

export interface ViewTables {
  readonly rows: FeatureTable
  readonly tiles: FeatureTable
}

export type ViewLanes = Readonly<Record<SlotKind, TableLane>>

/** By view. */
export interface LanesStart {
  readonly tables: readonly ViewTables[]
  /** As the tables say. */
  readonly complete: readonly Readonly<Record<SlotKind, DayIndex | undefined>>[]
  /** As the state has written them. */
  readonly versions: readonly TableVersions[] | undefined
}

export function openLanes({ tables, complete, versions }: LanesStart): ViewLanes[] {
  return tables.map((ofView, view) => {
    const open = (kind: SlotKind): TableLane =>
      new TableLane({
        view,
        kind,
        table: ofView[kind],
        complete: complete[view]?.[kind],
        version: versions?.[view]?.[kind],
      })
    return { rows: open('rows'), tiles: open('tiles') }
  })
}

export class TableLane {
  readonly view: number
  readonly kind: SlotKind
  readonly table: FeatureTable
  /** Slots that the table lacks of days that are not complete. */
  readonly #awaited = new Map<DayIndex, Set<number>>()
  #complete: DayIndex | undefined
  #version: number | undefined

  constructor(lane: {
    view: number
    kind: SlotKind
    table: FeatureTable
    complete: DayIndex | undefined
    version: number | undefined
  }) {
    this.view = lane.view
    this.kind = lane.kind
    this.table = lane.table
    this.#complete = lane.complete
    this.#version = lane.version
  }

  /** Of the table, when slots were last written: one that has not come so far is an older copy. */
  get versions(): TableVersions {
    return this.#version === undefined ? {} : { [this.kind]: this.#version }
  }

  get complete(): DayIndex | undefined {
    return this.#complete
  }

  get awaitedDays(): number {
    return this.#awaited.size
  }

  /** Infinity: nothing is awaited. */
  get firstAwaited(): DayIndex {
    return Math.min(...this.#awaited.keys())
  }

  /** A publish, or a rollback, has taken complete days back or brought them in. */
  restate(complete: DayIndex | undefined): void {
    this.#complete = complete
  }

  /** A slot became dirty: it is awaited unless its day is complete already. */
  await(slot: DirtySlot): void {
    if (this.#complete !== undefined && slot.day <= this.#complete) return
    const slots = this.#awaited.get(slot.day)
    if (slots === undefined) this.#awaited.set(slot.day, new Set([slot.slot]))
    else slots.add(slot.slot)
  }

  /** The last complete day if these slots were in, given the last closed day. */
  completeWith(
    written: readonly { day: DayIndex; slot: number }[],
    closedDay: DayIndex,
  ): DayIndex | undefined {
    const left = new Map([...this.#awaited].map(([day, slots]) => [day, slots.size]))
    for (const { day, slot } of written) {
      if (this.#awaited.get(day)?.has(slot) === true) left.set(day, (left.get(day) ?? 1) - 1)
    }
    let complete = closedDay
    for (const [day, slots] of left) if (slots > 0 && day <= complete) complete = day - 1
    return complete === -Infinity ? undefined : Math.max(complete, this.#complete ?? -Infinity)
  }

  /** The slots are in this version of the table. */
  written(
    version: number,
    slots: readonly { day: DayIndex; slot: number }[],
    complete: DayIndex | undefined,
  ): void {
    this.#version = version
    for (const { day, slot } of slots) {
      const awaited = this.#awaited.get(day)
      awaited?.delete(slot)
      if (awaited?.size === 0) this.#awaited.delete(day)
    }
    if (complete === undefined) return
    this.#complete = complete
    for (const day of this.#awaited.keys()) if (day <= complete) this.#awaited.delete(day)
  }
}

/** By view. */
export function knownOf(
  lanes: readonly ViewLanes[],
  closedDay: DayIndex,
): Pick<TablePosition, 'whole' | 'versions'> {
  return {
    whole: lanes.map((ofView) => wholeDay(ofView, closedDay)),
    versions: lanes.map(({ rows, tiles }) => ({ ...rows.versions, ...tiles.versions })),
  }
}

/** Of closed days that no slot is awaited of, the last one. What the tables call complete lags behind it where a publish has brought days in. */
function wholeDay({ rows, tiles }: ViewLanes, closedDay: DayIndex): DayIndex | undefined {
  const day = Math.min(closedDay, rows.firstAwaited - 1, tiles.firstAwaited - 1)
  return day === -Infinity ? undefined : day
}

/** Closed days that the one of the tables lacks which lacks most. */
export function mostAwaited(lanes: readonly ViewLanes[]): number {
  return Math.max(0, ...lanes.flatMap(({ rows, tiles }) => [rows.awaitedDays, tiles.awaitedDays]))
}

/** Whether one of the tables is not complete up to a day. */
export function someLacks(lanes: readonly ViewLanes[], day: DayIndex): boolean {
  const all = lanes.flatMap(({ rows, tiles }) => [rows, tiles])
  return all.some(({ complete = -Infinity }) => complete < day)
}
