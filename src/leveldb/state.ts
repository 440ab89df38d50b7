/**
 * The state of one partition in LevelDB: the adapter of `PartitionState`.
 *
 * One call at a time, and what is read is what the last commit left; both are checked. Where tiles lie is told by
 * `layout.ts`; `database.ts` keeps the rules of LevelDB; this file is the translation between the port and both.
 */
import { randomUUID } from 'node:crypto'
import type { DayIndex } from '../core/day.ts'
import type { SeenId } from '../core/event.ts'
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
import { TidemarkError, invariant } from '../errors.ts'
import { prepareCommit } from './commit.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { readEntities, scanSlot } from './entity-reader.ts'
import { STATE_FAULTS } from './faults.ts'
import {
  DIRTY_RANGE,
  ID_START,
  historyKey,
  idKey,
  idRange,
  looseKey,
  milestoneRange,
} from './keys.ts'
import {
  LAYOUT_KEY,
  type Layout,
  NEW_LAYOUT,
  decodeLayout,
  encodeLayout,
  isSettled,
} from './layout.ts'
import { nextPiece } from './maintenance.ts'
import { decodeMilestone } from './milestone-record.ts'
import { takeSnapshot } from './snapshot.ts'
import { findSettled, readLoose } from './tile-record.ts'
import { readOffset } from './varint.ts'

export const HEAD_KEY = '!head'

export class LevelPartitionState implements PartitionState {
  readonly #database: Database
  #head: StateHead | undefined
  #layout: Layout
  /** LevelDB never gives the number of a table to another one while a store is open; a restored one goes on at older numbers. */
  readonly #lineage = randomUUID()
  #running: { readonly name: string; readonly done: Promise<unknown> } | undefined

  /**
   * Opens the state in `directory`, or makes a new one.
   * @throws STATE_LOCKED, STATE_DAMAGED, STATE_WRITE_FAILED
   */
  static async open(directory: string, options?: DatabaseOptions): Promise<LevelPartitionState> {
    const database = await Database.open(directory, STATE_FAULTS, options)
    try {
      if (database.gap !== undefined) throw STATE_FAULTS.damaged(database.title, database.gap)
      const [head, layout] = await database.getMany([HEAD_KEY, LAYOUT_KEY])
      return new LevelPartitionState(
        database,
        head === undefined ? undefined : decodeHead(database.title, head),
        layout === undefined ? NEW_LAYOUT : decodeLayout(layout),
      )
    } catch (error) {
      await database.close()
      throw error
    }
  }

  private constructor(database: Database, head: StateHead | undefined, layout: Layout) {
    this.#database = database
    this.#head = head
    this.#layout = layout
  }

  get head(): StateHead | undefined {
    return this.#head
  }

  async tiles(view: number, keys: readonly TileKey[]): Promise<(Uint8Array | undefined)[]> {
    return this.#alone('tiles', async () => {
      const settled = keys.map(({ slot, entity, day }) =>
        isSettled(this.#layout, { view, slot, entity }, day),
      )
      const values = await this.#database.getMany(
        keys.map(({ slot, entity, day }, index) => {
          const place = { view, slot, entity }
          return settled[index] === true ? historyKey(place) : looseKey(place, day)
        }),
      )
      return values.map((value, index) => {
        if (value === undefined) return undefined
        const { day } = keys[index]!
        return settled[index] === true ? findSettled(value, day) : readLoose(value, day).bytes
      })
    })
  }

  async entities(view: number, keys: readonly SlotEntity[]): Promise<(EntityTiles | undefined)[]> {
    return this.#alone('entities', () => readEntities(this.#database, this.#layout, view, keys))
  }

  async scan(
    view: number,
    slot: number,
    after: string | undefined,
    limit: number,
  ): Promise<EntityTiles[]> {
    return this.#alone('scan', () =>
      scanSlot(this.#database, this.#layout, { view, slot, after }, limit),
    )
  }

  /** One lookup per id and bucket that has ids; newly seen ids, the usual case, cost a Bloom filter each. */
  async ids(ids: readonly string[]): Promise<(DayIndex | undefined)[]> {
    return this.#alone('ids', async () => {
      const days = this.#layout.idDays.toReversed()
      const sorted = ids.map((_, index) => index).sort((a, b) => (ids[a]! < ids[b]! ? -1 : 1))
      const known = await this.#database.hasMany(
        days.flatMap((day) => sorted.map((index) => idKey(day, ids[index]!))),
      )
      const latest = new Array<DayIndex | undefined>(ids.length)
      sorted.forEach((index, place) => {
        latest[index] = days.find((_, nth) => known[nth * ids.length + place])
      })
      return latest
    })
  }

  /** Days one after the other: within one, keys are in the order of the ids' bytes. */
  async scanIds(after: SeenId | undefined, limit: number): Promise<SeenId[]> {
    return this.#alone('scanIds', async () => {
      const found: SeenId[] = []
      for (const day of this.#layout.idDays.filter((each) => each >= (after?.day ?? -Infinity))) {
        const { lt } = idRange(day)
        const from = after?.day === day ? { gt: idKey(day, after.id) } : { gte: idKey(day, '') }
        const entries = await this.#database.range({ ...from, lt }, limit - found.length)
        found.push(...entries.map(([key]) => ({ id: key.slice(ID_START), day })))
        if (found.length >= limit) break
      }
      return found
    })
  }

  async milestones(from?: DayIndex): Promise<Milestone[]> {
    return this.#alone('milestones', async () => {
      const entries = await this.#database.range(milestoneRange(from))
      return entries.map(([, value]) => decodeMilestone(value))
    })
  }

  async dirtySlots(): Promise<Map<string, number>> {
    return this.#alone('dirtySlots', async () => {
      const entries = await this.#database.range(DIRTY_RANGE)
      return new Map(
        entries.map(([key, value]) => [key.slice(1), readOffset({ bytes: value, at: 0 })]),
      )
    })
  }

  async commit(commit: StateCommit): Promise<void> {
    return this.#alone('commit', async () => {
      const head = JSON.stringify(commit.head)
      const { layout, write } = await prepareCommit(this.#database, this.#layout, commit)
      await this.#database.write((batch) => {
        write(batch)
        batch.put(HEAD_KEY, new TextEncoder().encode(head))
        batch.put(LAYOUT_KEY, encodeLayout(layout))
      })
      this.#layout = layout
      this.#head = JSON.parse(head) as StateHead
    })
  }

  async maintain(bounds: MaintenanceBounds): Promise<boolean> {
    invariant(bounds.limit >= 1, `maintenance may touch something: limit ${bounds.limit}`)
    return this.#alone('maintain', async () => {
      const piece = await nextPiece(this.#database, this.#layout, bounds)
      if (piece === undefined) return false
      await this.#database.write((batch) => {
        piece.write(batch)
        batch.put(LAYOUT_KEY, encodeLayout(piece.layout))
      })
      this.#layout = piece.layout
      return true
    })
  }

  async snapshot(): Promise<StateSnapshot> {
    return this.#alone('snapshot', async () => {
      const { head } = this
      invariant(head, 'a state without a commit has no snapshot')
      const snapshot = await takeSnapshot(this.#database.directory).catch((error: unknown) => {
        if (error instanceof TidemarkError) throw error
        throw STATE_FAULTS.writeFailed(this.#database.directory, error)
      })
      return { ...snapshot, head, lineage: this.#lineage }
    })
  }

  async size(): Promise<number> {
    return this.#database.size()
  }

  /** Waits for the call under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.done
    await this.#database.close()
  }

  async #alone<T>(name: string, run: () => Promise<T>): Promise<T> {
    invariant(
      this.#running === undefined,
      `one call at a time: ${name} while ${this.#running?.name} runs`,
    )
    const result = run()
    this.#running = { name, done: result.catch(() => undefined) }
    try {
      return await result
    } finally {
      this.#running = undefined
    }
  }
}

function decodeHead(directory: string, bytes: Uint8Array): StateHead {
  const head = JSON.parse(new TextDecoder().decode(bytes)) as StateHead
  if ((head.format as number) === 1) return head
  throw new TidemarkError(
    'STATE_DAMAGED',
    `the state ${directory} has format ${head.format}, this version reads 1. Use the version that wrote it, or move the directory away and start again; the state is rebuilt from the log`,
  )
}
