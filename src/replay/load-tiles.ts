/**
 * Tiles from their table into a state: what the log no longer has, or need not be read for. A row's `_tile` is in the layout
 * of the generation whose file it is in; here it becomes the layout that the view has now.
 */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord, RecordedView } from '../core/generation.ts'
import { slotOf } from '../core/slot.ts'
import { TileCodec } from '../core/tile-codec.ts'
import type { TileSlab } from '../core/tile-slab.ts'
import type { Value } from '../core/value.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { TileWrite } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { DayRange } from './plan.ts'

/** The tile tables of the pipeline, as they are now. */
export interface TileTables {
  /** Of which there are tiles of a partition; undefined where there are none. */
  firstDay(view: ViewPlan, partition: number): Promise<DayIndex | undefined>
  /**
   * Of one day of a partition, in pages; nothing where the table or the day is not there. Rows of one entity, where there are several,
   * follow each other in one page: their tiles are merged in this order, as if all records of them had stood at one offset.
   */
  rows(view: ViewPlan, partition: number, day: DayIndex): AsyncIterable<readonly TileRow[]>
}

export interface TileRow {
  /** Values of the entity's fields, in their order. */
  readonly entity: readonly Value[]
  /** Of the last record in the tile. */
  readonly offset: number
  readonly tile: Uint8Array
  /** Of the file that the row is in. */
  readonly generation: number
}

/** Tiles written to the state at once. */
const PAGE_TILES = 10_000

export interface TileLoad {
  readonly tables: TileTables
  readonly views: readonly ViewPlan[]
  readonly partition: number
  readonly days: DayRange
  /** Hash slots of a day. */
  readonly slots: number
  /** All generations so far. */
  readonly records: readonly GenerationRecord[]
}

/** Pages to be committed, in the layout that each view has now, which is its first one in the new state. */
export async function* loadTiles(load: TileLoad): AsyncGenerator<readonly TileWrite[]> {
  const { tables, views, partition, days, slots, records } = load
  let page: TileWrite[] = []
  for (const view of views) {
    const layouts = new StoredLayouts(view, records)
    for (let day = days.first; day <= days.last; day += 1) {
      for await (const rows of tables.rows(view, partition, day)) {
        for (const { entity: values, offset, tile, generation } of rows) {
          const entity = view.entity.encode(values)
          const own = layouts.current(tile, generation)
          const before = page.at(-1)
          const isSame =
            before?.entity === entity && before.day === day && before.view === view.index
          if (isSame) page.pop()
          const bytes = isSame ? layouts.merged(before.bytes, own, offset) : own
          const slot = slotOf(entity, slots)
          page.push({ view: view.index, slot, entity, day, offset, bytes })
        }
        if (page.length < PAGE_TILES) continue
        yield page
        page = []
      }
    }
  }
  if (page.length > 0) yield page
}

/** Every layout that a view's tiles were ever written in. */
class StoredLayouts {
  readonly #view: ViewPlan
  readonly #codec: TileCodec
  readonly #slab: TileSlab
  readonly #slot: number
  readonly #from: number
  /** By generation: index of its layout in the codec; undefined: it holds what the view does not know. */
  readonly #indexes = new Map<number, number | undefined>()

  constructor(view: ViewPlan, records: readonly GenerationRecord[]) {
    const own = view.layout.signature
    const signatures = [own]
    for (const { generation, views } of records) {
      const recorded = views.find((one) => isRecorded(one, view))
      if (recorded === undefined) continue
      const signature = signatureOf(view, recorded)
      const text = JSON.stringify(signature)
      let index: number | undefined = signatures.findIndex((one) => JSON.stringify(one) === text)
      if (signature === undefined) index = undefined
      else if (index < 0) index = signatures.push(signature) - 1
      this.#indexes.set(generation, index)
    }
    this.#view = view
    this.#codec = new TileCodec(view.layout, signatures)
    this.#slab = view.layout.slab()
    this.#slot = this.#slab.allocate()
    this.#from = this.#slab.allocate()
  }

  /**
   * The tile in the view's own layout. A compacted file may hold rows of generations before its own too, so that a layout is
   * believed only where the tile ends with it.
   */
  current(tile: Uint8Array, generation: number): Uint8Array {
    const own = this.#indexes.get(generation)
    const older = [...this.#indexes].filter(([known]) => known < generation).reverse()
    for (const index of new Set([own, ...older.map(([, one]) => one)])) {
      if (index === undefined) continue
      const bytes = Uint8Array.from(tile)
      bytes[1] = index
      if (this.#codec.decode(bytes, this.#slab, this.#slot) !== bytes.length) continue
      return this.#codec.current(bytes, this.#slab, this.#slot).slice()
    }
    throw new TidemarkError(
      'TABLE_REFUSED',
      `the tile table of ${this.#view.title} holds a tile of generation ${generation} that the view's aggregates do not account for: ` +
        'the definition was changed since. Nothing was written. Plan the replay again, from records that the log still has or from an archive',
    )
  }

  /** Tiles of one entity from several partitions; both in the view's own layout. */
  merged(first: Uint8Array, second: Uint8Array, offset: number): Uint8Array {
    const { layout } = this.#view
    const slab = this.#slab
    for (const [slot, bytes] of [
      [this.#slot, first],
      [this.#from, second],
    ] as const) {
      this.#codec.decode(bytes, slab, slot)
      layout.reposition(slab, slot, offset)
    }
    layout.merge(slab, this.#slot, slab, this.#from)
    return this.#codec.encode(slab, this.#slot).slice()
  }
}

function isRecorded({ name, version }: RecordedView, { definition }: ViewPlan): boolean {
  return name === definition.name && version === definition.version
}

/** The layout that a record's view has; undefined where it has aggregates that the view no longer has. */
function signatureOf(view: ViewPlan, recorded: RecordedView): readonly string[] | undefined {
  const signature: string[] = []
  for (const key of recorded.aggregates) {
    const at = view.layout.placed.findIndex((placed) => placed.key === key)
    const entry = view.layout.signature[at]
    if (entry === undefined) return undefined
    signature.push(entry)
  }
  return signature
}
