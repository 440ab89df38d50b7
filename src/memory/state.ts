/**
 * The state of one partition in memory, for simulations and as the plain model of what the port means. `MemoryDisk` is
 * what survives: opening a state on it again is a restart.
 */
import type { DayIndex } from '../core/day.ts'
import { compareText } from '../core/text.ts'
import type {
  EntityTiles,
  MaintenanceBounds,
  Milestone,
  PartitionState,
  SlotEntity,
  StateCommit,
  StateHead,
  TileKey,
} from '../engine/ports.ts'
import { invariant } from '../errors.ts'

interface EntityRecord {
  evictedOffset: number
  readonly tiles: Map<DayIndex, { readonly offset: number; readonly bytes: Uint8Array }>
}

export class MemoryDisk {
  head: string | undefined
  /** By view, slot and entity. */
  readonly records = new Map<string, Map<string, EntityRecord>>()
  readonly ids = new Map<string, Set<DayIndex>>()
  readonly milestones = new Map<string, Milestone>()
  readonly dirty = new Map<string, number>()

  slot(view: number, slot: number): Map<string, EntityRecord> {
    const name = `${view} ${slot}`
    const known = this.records.get(name) ?? new Map<string, EntityRecord>()
    this.records.set(name, known)
    return known
  }
}

export class MemoryPartitionState implements PartitionState {
  readonly #disk: MemoryDisk
  #isOpen = true

  static async open(disk: MemoryDisk = new MemoryDisk()): Promise<MemoryPartitionState> {
    return new MemoryPartitionState(disk)
  }

  private constructor(disk: MemoryDisk) {
    this.#disk = disk
  }

  get head(): StateHead | undefined {
    const { head } = this.#disk
    return head === undefined ? undefined : (JSON.parse(head) as StateHead)
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
      disk.milestones.set(`${milestone.day} ${milestone.generation}`, { ...milestone })
    }
    for (const key of commit.cleared) disk.dirty.delete(key)
    for (const [key, offset] of commit.dirty) disk.dirty.set(key, offset)
    disk.head = JSON.stringify(commit.head)
  }

  /** Nothing settles here, and what may go goes at once. */
  async maintain(bounds: MaintenanceBounds): Promise<boolean> {
    this.#assertOpen()
    for (const [name, records] of this.#disk.records) {
      const before = bounds.evictBefore[Number(name.split(' ')[0])] ?? -Infinity
      for (const [entity, record] of records) {
        evict(record, before)
        if (record.tiles.size === 0) records.delete(entity)
      }
    }
    for (const [id, days] of this.#disk.ids) {
      for (const day of days) if (day < bounds.forgetIdsBefore) days.delete(day)
      if (days.size === 0) this.#disk.ids.delete(id)
    }
    return false
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

function entityTiles(entity: string, record: EntityRecord): EntityTiles {
  const tiles = [...record.tiles].sort(([a], [b]) => a - b)
  return {
    entity,
    offset: Math.max(record.evictedOffset, ...tiles.map(([, { offset }]) => offset)),
    tiles: tiles.map(([day, { bytes }]) => ({ day, bytes })),
  }
}

function evict(record: EntityRecord, before: DayIndex): void {
  for (const [day, { offset }] of record.tiles) {
    if (day >= before) continue
    record.evictedOffset = Math.max(record.evictedOffset, offset)
    record.tiles.delete(day)
  }
}
