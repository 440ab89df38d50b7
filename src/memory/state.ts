/**
 * The state of one partition in memory, for simulations and as the plain model of what the port means. `MemoryDisk` is
 * what survives: opening a state on it again is a restart.
 */
import type { DayIndex } from '../core/day.ts'
import type { SeenId } from '../core/event.ts'
import { compareText } from '../core/text.ts'
import type {
  EntityTiles,
  MaintenanceBounds,
  Milestone,
  PartitionState,
  SlotEntity,
  StateCommit,
  StateHead,
  StateSnapshot,
  TileKey,
} from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { filesOf, MemoryDisk, milestoneKey } from './disk.ts'
import type { EntityRecord } from './disk.ts'

export class MemoryPartitionState implements PartitionState {
  readonly #disk: MemoryDisk
  #isOpen = true
  #parsed: { readonly text: string; readonly head: StateHead } | undefined

  static async open(disk: MemoryDisk = new MemoryDisk()): Promise<MemoryPartitionState> {
    return new MemoryPartitionState(disk)
  }

  private constructor(disk: MemoryDisk) {
    this.#disk = disk
  }

  get head(): StateHead | undefined {
    const { head: text } = this.#disk
    if (text === undefined) return undefined
    if (this.#parsed?.text !== text) this.#parsed = { text, head: JSON.parse(text) as StateHead }
    return this.#parsed.head
  }

  async tiles(view: number, keys: readonly TileKey[]): Promise<(Uint8Array | undefined)[]> {
    this.#assertOpen()
    return keys.map(
      ({ slot, entity, day }) => this.#disk.slot(view, slot).get(entity)?.tiles.get(day)?.bytes,
    )
  }

  async entities(view: number, keys: readonly SlotEntity[]): Promise<(EntityTiles | undefined)[]> {
    this.#assertOpen()
    return keys.map(({ slot, entity }) => {
      const record = this.#disk.slot(view, slot).get(entity)
      return record === undefined ? undefined : entityTiles(entity, record)
    })
  }

  async scan(
    view: number,
    slot: number,
    after: string | undefined,
    limit: number,
  ): Promise<EntityTiles[]> {
    this.#assertOpen()
    return [...this.#disk.slot(view, slot)]
      .filter(([entity]) => after === undefined || compareText(entity, after) > 0)
      .sort(([a], [b]) => compareText(a, b))
      .slice(0, limit)
      .map(([entity, record]) => entityTiles(entity, record))
  }

  async ids(ids: readonly string[]): Promise<(DayIndex | undefined)[]> {
    this.#assertOpen()
    return ids.map((id) => {
      const days = this.#disk.ids.get(id)
      return days === undefined ? undefined : Math.max(...days)
    })
  }

  async scanIds(after: SeenId | undefined, limit: number): Promise<SeenId[]> {
    this.#assertOpen()
    return [...this.#disk.ids]
      .flatMap(([id, days]) => [...days].map((day) => ({ id, day })))
      .sort(compareSeen)
      .filter((each) => after === undefined || compareSeen(each, after) > 0)
      .slice(0, limit)
  }

  async milestones(from: DayIndex = -Infinity): Promise<Milestone[]> {
    this.#assertOpen()
    return [...this.#disk.milestones.values()]
      .filter(({ day }) => day >= from)
      .sort((a, b) => a.day - b.day || a.generation - b.generation)
  }

  async dirtySlots(): Promise<Map<string, number>> {
    this.#assertOpen()
    return new Map(this.#disk.dirty)
  }

  async commit(commit: StateCommit): Promise<void> {
    this.#assertOpen()
    const disk = this.#disk
    for (const { view, slot, entity, day, offset, bytes } of commit.tiles) {
      const records = disk.slot(view, slot)
      const record = records.get(entity) ?? { evictedOffset: -1, tiles: new Map() }
      record.tiles.set(day, { offset, bytes: Uint8Array.from(bytes) })
      records.set(entity, record)
    }
    for (const { id, day } of commit.ids) {
      disk.ids.set(id, (disk.ids.get(id) ?? new Set<DayIndex>()).add(day))
    }
    for (const milestone of commit.milestones) {
      disk.milestones.set(milestoneKey(milestone), { ...milestone })
    }
    for (const key of commit.cleared) disk.dirty.delete(key)
    for (const [key, offset] of commit.dirty) disk.dirty.set(key, offset)
    disk.head = JSON.stringify(commit.head)
  }

  /** Nothing settles here, and what may go goes at once. */
  /** In pieces, as a store with more in it needs them: who calls it may have gone on in between. */
  async maintain(bounds: MaintenanceBounds): Promise<boolean> {
    this.#assertOpen()
    let evicted = 0
    for (const [name, records] of this.#disk.records) {
      const before = bounds.evictBefore[Number(name.split(' ')[0])] ?? -Infinity
      for (const [entity, record] of records) {
        evicted += evict(record, before)
        if (record.tiles.size === 0) records.delete(entity)
      }
    }
    if (evicted > 0) return true
    let forgotten = 0
    for (const [id, days] of this.#disk.ids) {
      for (const day of days) {
        if (day >= bounds.forgetIdsBefore) continue
        days.delete(day)
        forgotten += 1
      }
      if (days.size === 0) this.#disk.ids.delete(id)
    }
    return forgotten > 0
  }

  async snapshot(): Promise<StateSnapshot> {
    this.#assertOpen()
    const { head } = this
    invariant(head, 'a state without a commit has no snapshot')
    const files = filesOf(this.#disk)
    // Names of fixed files carry a fingerprint of their bytes.
    return { head, lineage: 'memory', files, [Symbol.asyncDispose]: () => Promise.resolve() }
  }

  async size(): Promise<number> {
    return 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false
  }

  #assertOpen(): void {
    invariant(this.#isOpen, 'the state is open')
  }
}

function compareSeen(a: SeenId, b: SeenId): number {
  return a.day - b.day || compareText(a.id, b.id)
}

function entityTiles(entity: string, record: EntityRecord): EntityTiles {
  const tiles = [...record.tiles].sort(([a], [b]) => a - b)
  return {
    entity,
    offset: Math.max(record.evictedOffset, ...tiles.map(([, { offset }]) => offset)),
    tiles: tiles.map(([day, { bytes }]) => ({ day, bytes })),
  }
}

/** @returns how many tiles went */
function evict(record: EntityRecord, before: DayIndex): number {
  const tilesBefore = record.tiles.size
  for (const [day, { offset }] of record.tiles) {
    if (day >= before) continue
    record.evictedOffset = Math.max(record.evictedOffset, offset)
    record.tiles.delete(day)
  }
  return tilesBefore - record.tiles.size
}
