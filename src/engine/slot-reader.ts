/**
 * Reads a hash slot of a view into rows, in short turns between batches: the rows of all its dirty days from one pass, as
 * many days as the memory allows.
 */
import { createRowBuffer } from '../core/columns.ts'
import type { ColumnSpec, GrowingRows } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import type { SlotKind } from '../core/dirty-slot.ts'
import { appendFeatureRow } from '../core/feature-row.ts'
import { TileRows } from '../core/tile-row.ts'
import { WindowEvaluator } from '../core/window.ts'
import { invariant } from '../errors.ts'
import type { PartitionContext } from './partition-context.ts'
import type { EntityTiles } from './ports.ts'

/** Rows computed in one turn, about: a turn stays short. */
const ROWS_PER_TURN = 4_000
/** Buffers kept for reuse, and how large one may have grown to be worth keeping. */
const POOLED_BUFFERS_MAX = 128
const POOLED_ROWS_MAX = 16_384

/** The dirty days of one hash slot of a view. */
export interface SlotWork {
  readonly slot: number
  readonly rows: DayIndex[]
  readonly tiles: DayIndex[]
}

/** Their rows. */
export interface SlotRows {
  readonly slot: number
  /** X: the committed position when the reading began; negative until the first turn. */
  position: number
  readonly rows: Map<DayIndex, GrowingRows>
  readonly tiles: Map<DayIndex, GrowingRows>
}

export class SlotReader {
  readonly #context: PartitionContext
  /** By view. */
  readonly #columns: readonly Readonly<Record<SlotKind, readonly ColumnSpec[]>>[]
  readonly #windows: readonly WindowEvaluator[]
  readonly #tileRows: readonly TileRows[]
  /** When a day was closed, ms. */
  readonly #closedAt: ReadonlyMap<DayIndex, number>
  readonly #pools = new Map<readonly ColumnSpec[], GrowingRows[]>()

  constructor(
    context: PartitionContext,
    columns: readonly Readonly<Record<SlotKind, readonly ColumnSpec[]>>[],
    closedAt: ReadonlyMap<DayIndex, number>,
  ) {
    this.#context = context
    this.#columns = columns
    this.#closedAt = closedAt
    const planned = context.views.map((view, i) => {
      const codec = context.codecs[i]
      invariant(codec, `view ${view.title} has a codec`)
      return { view, codec }
    })
    this.#windows = planned.map(({ view, codec }) => new WindowEvaluator(view, codec))
    this.#tileRows = planned.map(({ view, codec }) => new TileRows(view, codec))
  }

  /** Rows of the dirty days of one slot, as many days as the memory allows. */
  async read(view: number, work: SlotWork): Promise<SlotRows> {
    const { turns, state, committed, pipeline } = this.#context
    const read: SlotRows = { slot: work.slot, position: -1, rows: new Map(), tiles: new Map() }
    for (const kind of ['rows', 'tiles'] as const) {
      for (const day of work[kind]) read[kind].set(day, this.#buffer(view, kind))
    }
    const pageSize = Math.max(
      16,
      Math.floor(ROWS_PER_TURN / Math.max(1, work.rows.length + work.tiles.length)),
    )
    let after: string | undefined
    do {
      const page = await turns.read(async () => {
        if (read.position < 0) read.position = committed.nextOffset
        const entities = await state.scan(view, work.slot, after, pageSize)
        for (const entity of entities) this.#appendRows(view, entity, read)
        return { last: entities.at(-1)?.entity, full: entities.length === pageSize }
      })
      after = page.full ? page.last : undefined
      this.#keepWithin(pipeline.memory.tableRowsMax, view, read)
    } while (after !== undefined)
    return read
  }

  #appendRows(view: number, entity: EntityTiles, read: SlotRows): void {
    const { calendar, committed, run, views } = this.#context
    const plan = views[view]
    const windows = this.#windows[view]
    invariant(plan && windows, `view ${view} is planned`)
    windows.load(entity)
    const values = plan.entity.decode(entity.entity)
    const context = {
      calendar,
      run,
      completeFrom: committed.completeFrom,
      closedAt: (day: DayIndex) => this.#closedAt.get(day),
    }
    for (const [day, rows] of read.rows) {
      appendFeatureRow(rows, values, day, { view: plan, windows, context })
    }
    for (const tile of entity.tiles) {
      const rows = read.tiles.get(tile.day)
      if (rows) this.#tileRows[view]?.append(rows, values, tile, context)
    }
  }

  /** Gives up the newest half of the days where the rows outgrow the budget; they stay dirty for the next pass. */
  #keepWithin(rowsMax: number, view: number, read: SlotRows): void {
    for (const kind of ['rows', 'tiles'] as const) {
      const days = [...read[kind].keys()].sort((a, b) => a - b)
      let rows = 0
      for (const buffer of read[kind].values()) rows += buffer.rows
      if (rows <= rowsMax || days.length < 2) continue
      for (const day of days.slice(Math.ceil(days.length / 2))) {
        const buffer = read[kind].get(day)
        if (buffer) this.release(view, kind, buffer)
        read[kind].delete(day)
      }
    }
  }

  /** Takes back the memory of rows that are written. */
  release(view: number, kind: SlotKind, rows: GrowingRows): void {
    const pool = this.#pool(view, kind)
    if (rows.rows > POOLED_ROWS_MAX || pool.length >= POOLED_BUFFERS_MAX) return
    rows.reset()
    pool.push(rows)
  }

  #buffer(view: number, kind: SlotKind): GrowingRows {
    return this.#pool(view, kind).pop() ?? createRowBuffer(this.#columnsOf(view, kind))
  }

  #pool(view: number, kind: SlotKind): GrowingRows[] {
    const columns = this.#columnsOf(view, kind)
    const pool = this.#pools.get(columns) ?? []
    this.#pools.set(columns, pool)
    return pool
  }

  #columnsOf(view: number, kind: SlotKind): readonly ColumnSpec[] {
    const columns = this.#columns[view]
    invariant(columns, `view ${view} has tables`)
    return columns[kind]
  }
}
