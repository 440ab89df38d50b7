/**
 * Entities of old partitions, each with the tiles of all that have it: states are read side by side in the order of their keys, a page
 * each at a time, and an entity that lived in several is merged in the order of the partitions.
 */
import { compareText } from '../core/text.ts'
import { TileCodec } from '../core/tile-codec.ts'
import type { TileSlab } from '../core/tile-slab.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { DayIndex } from '../core/day.ts'
import type { EntityTiles, PartitionState } from '../engine/ports.ts'

/** Entities of a state in memory at once. */
const PAGE_ENTITIES = 500

export interface OldEntity {
  readonly entity: string
  /** Ascending by old partition, which `old` numbers. Bytes are valid until the next entity. */
  readonly parts: readonly { readonly old: number; readonly tiles: EntityTiles['tiles'] }[]
}

/** All entities of a hash slot, in the order of their UTF-8 bytes. */
export async function* entitiesOf(
  states: readonly Pick<PartitionState, 'scan'>[],
  view: number,
  slot: number,
): AsyncGenerator<OldEntity> {
  const pages = states.map((state) => new Pages(state, view, slot))
  for (const page of pages) await page.fill()
  for (;;) {
    const first = pages.reduce<string | undefined>((least, { now }) => {
      if (now === undefined) return least
      return least === undefined || compareText(now.entity, least) < 0 ? now.entity : least
    }, undefined)
    if (first === undefined) return
    const holders = [...pages.entries()].filter(([, { now }]) => now?.entity === first)
    yield {
      entity: first,
      parts: holders.map(([old, { now }]) => ({ old, tiles: now?.tiles ?? [] })),
    }
    for (const [, page] of holders) await page.next()
  }
}

class Pages {
  readonly #state: Pick<PartitionState, 'scan'>
  readonly #view: number
  readonly #slot: number
  #page: readonly EntityTiles[] = []
  #at = 0

  constructor(state: Pick<PartitionState, 'scan'>, view: number, slot: number) {
    this.#state = state
    this.#view = view
    this.#slot = slot
  }

  get now(): EntityTiles | undefined {
    return this.#page[this.#at]
  }

  async fill(): Promise<void> {
    const after = this.#page.at(-1)?.entity
    this.#page = await this.#state.scan(this.#view, this.#slot, after, PAGE_ENTITIES)
    this.#at = 0
  }

  async next(): Promise<void> {
    this.#at += 1
    if (this.#at >= this.#page.length && this.#page.length === PAGE_ENTITIES) await this.fill()
  }
}

/** Tiles of old states in the one layout of the new ones, as if their records had stood at one offset. */
export class TileMerger {
  readonly #view: ViewPlan
  readonly #codec: TileCodec
  readonly #olds: readonly TileCodec[]
  readonly #slab: TileSlab
  readonly #into: number
  readonly #from: number

  /** @param layouts of the view, by old state */
  constructor(view: ViewPlan, layouts: readonly (readonly (readonly string[])[])[]) {
    const own = view.layout.signature
    this.#view = view
    this.#codec = new TileCodec(view.layout, [own])
    this.#olds = layouts.map((each) => new TileCodec(view.layout, each))
    this.#slab = view.layout.slab()
    this.#into = this.#slab.allocate()
    this.#from = this.#slab.allocate()
  }

  /** By day, ascending; bytes are the caller's own. */
  merged({ parts }: OldEntity, offset: number): { day: DayIndex; bytes: Uint8Array }[] {
    const days = new Set(parts.flatMap(({ tiles }) => tiles.map(({ day }) => day)))
    return [...days]
      .sort((a, b) => a - b)
      .map((day) => ({ day, bytes: this.#mergedDay(parts, day, offset) }))
  }

  #mergedDay(parts: OldEntity['parts'], day: DayIndex, offset: number): Uint8Array {
    const { layout } = this.#view
    let isFirst = true
    for (const { old, tiles } of parts) {
      const tile = tiles.find((each) => each.day === day)
      if (tile === undefined) continue
      const slot = isFirst ? this.#into : this.#from
      this.#olds[old]?.decode(tile.bytes, this.#slab, slot)
      layout.reposition(this.#slab, slot, offset)
      if (!isFirst) layout.merge(this.#slab, this.#into, this.#slab, this.#from)
      isFirst = false
    }
    return this.#codec.encode(this.#slab, this.#into).slice()
  }
}
