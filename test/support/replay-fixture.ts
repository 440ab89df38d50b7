/** A live table and the staged one of a replay, side by side, filled by hand; and the replay that staged them. */
import type { ColumnSpec } from '../../src/core/columns.ts'
import type { Value } from '../../src/core/value.ts'
import type { ReplayTables } from '../../src/cli/replay-gates.ts'
import type { Replay } from '../../src/replay/records.ts'
import type { ObjectStorage } from '../../src/storage/object-storage.ts'
import { FolderStorage } from '../../src/storage/folder-storage.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { rowsOf, specOf, TableFixture } from './table-fixture.ts'

export const REPLAY_ID = '20260105T120000Z-a1b2c3'

export interface SlotContent {
  readonly day: number
  readonly partition?: number
  readonly slot?: number
  readonly rows: readonly (readonly Value[])[]
}

export class ReplayFixture implements AsyncDisposable {
  readonly place: TableFixture
  readonly tables: ReplayTables

  private constructor(place: TableFixture, live: ObjectStorage) {
    this.place = place
    const staged = new FolderStorage(live, `_tidemark/replays/${REPLAY_ID}`)
    this.tables = {
      database: place.database,
      live: new DeltaTableStore({ ...place.options, storage: live }),
      staged: new DeltaTableStore({ ...place.options, storage: staged }),
    }
  }

  /** @param storage of the tables; a temporary directory unless given */
  static async create(storage?: ObjectStorage): Promise<ReplayFixture> {
    const place = await TableFixture.create()
    return new ReplayFixture(place, storage ?? place.options.storage)
  }

  async fill(
    side: 'live' | 'staged',
    table: {
      readonly name?: string
      readonly columns: readonly ColumnSpec[]
      readonly sortedBy?: readonly string[]
      readonly position?: number
      readonly slots: readonly SlotContent[]
    },
  ): Promise<void> {
    const { columns, slots, name = 'activity_v1', sortedBy = ['user'], position = 10 } = table
    const store = this.tables[side] as DeltaTableStore
    const generation = side === 'live' ? 1 : 2
    const opened = await store.open(specOf({ name, columns, sortedBy, generation }))
    const changes = []
    for (const { day, partition = 0, slot = 0, rows } of slots) {
      const key = { day, partition, slot }
      changes.push({
        ...key,
        position,
        file: await opened.write(key, position, rowsOf(columns, rows)),
      })
    }
    await opened.commit({ generation, run: 'test', changes, complete: [] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]()
  }
}

/** One that staged these days of `activity@1`, and closed each partition up to its day. */
export function replayOf(
  staged: { readonly first: number; readonly last: number },
  closed: readonly (number | undefined)[],
  views: readonly string[] = ['activity@1'],
): Replay {
  return {
    plan: {
      format: 1,
      id: REPLAY_ID,
      pipeline: 'test',
      base: 1,
      record: {
        generation: 2,
        pipeline: 'test',
        semantics: 1,
        zoneData: 'none',
        policy: {
          zone: 'UTC',
          outOfOrdernessMs: 0,
          allowedLatenessMs: 0,
          maxFutureMs: 0,
          notBeforeMs: 0,
          duplicatesWithinMs: 0,
          event: '',
          key: ['user'],
          format: 'json',
        },
        slots: 1,
        views: [],
        segments: [],
        amendments: [],
      },
      request: '--days',
      range: staged,
      staged,
      views,
      source: { kind: 'log' },
      partitions: closed.map((_, partition) => ({
        partition,
        start: { kind: 'origin', offset: 0 },
        stop: undefined,
        records: undefined,
      })),
      handsOver: false,
      incomplete: false,
      audit: { atMs: 0, by: 'test', reason: 'test', software: 'test' },
    },
    result: {
      finishedMs: 1,
      run: 'test',
      seconds: 1,
      partitions: closed.map((closedDay, partition) => ({
        partition,
        offset: 10,
        closedDay,
        records: 10,
        checkpoint: undefined,
      })),
      tables: [],
    },
    trail: [],
  }
}
