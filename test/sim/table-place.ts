/** A table in memory for tests of its history: written well, or spoiled as no writer of ours would. */
import { MemoryParquet } from '../../sim/parquet-engine.ts'
import { checkTableHistory } from '../../sim/table-history.ts'
import type { Value } from '../../src/core/value.ts'
import type { FeatureTable, SlotChange } from '../../src/engine/ports.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { StillClock, collectingLog, rowsOf, specOf } from '../support/table-fixture.ts'

export const DAY = 11_327
export const SPEC = specOf({
  name: 'activity_v1',
  columns: [
    { name: 'user', type: { kind: 'string' } },
    { name: 'event_timestamp', type: { kind: 'timestamp' } },
    { name: 'n_1d', type: { kind: 'int64' } },
    { name: '_max_event_time', type: { kind: 'timestamp' } },
    { name: '_complete_from', type: { kind: 'date' } },
  ],
  sortedBy: ['user'],
})
const LOG = `${SPEC.name}/_delta_log`

interface Written {
  readonly day?: number
  readonly slot?: number
  readonly position: number
  /** User -> newest event of the row; null: the row is all-empty. No users: the slot is empty. */
  readonly users: Readonly<Record<string, number | null>>
}

export class Place {
  readonly clock = new StillClock()
  readonly #files = new MemoryFiles()
  readonly storage = new MemoryObjectStorage({
    bucket: new MemoryBucket(),
    files: this.#files,
    nowMs: () => this.clock.nowMs,
    faults: TABLE_FAULTS,
  })
  #ids = 0
  readonly store = new DeltaTableStore({
    storage: this.storage,
    parquet: new MemoryParquet(this.#files),
    clock: this.clock,
    log: collectingLog([]),
    newId: () => (this.#ids += 1).toString(16).padStart(8, '0'),
  })
  table: FeatureTable | undefined

  async write(changes: readonly Written[], complete?: number): Promise<void> {
    this.table ??= await this.store.open(SPEC)
    const staged: SlotChange[] = []
    for (const { day = DAY, slot = 0, position, users } of changes) {
      const key = { day, partition: 0, slot }
      const rows = Object.entries(users).map(([user, newest]): Value[] => [user, 5, 1, newest, 3])
      const file = await this.table.write(key, position, rowsOf(SPEC.columns, rows))
      staged.push({ ...key, position, file })
    }
    const raised = complete === undefined ? [] : [{ partition: 0, day: complete }]
    await this.table.commit({ generation: 1, run: 'run', changes: staged, complete: raised })
  }

  /** Appends a commit as another program would. */
  async append(...actions: readonly object[]): Promise<void> {
    const versions = (await this.storage.list(`${LOG}/`)).filter(({ path }) =>
      path.endsWith('.json'),
    )
    const lines = actions.map((action) => `${JSON.stringify(action)}\n`).join('')
    const name = String(versions.length).padStart(20, '0')
    await this.storage.put(`${LOG}/${name}.json`, Buffer.from(lines))
  }

  /** Changes what a file of the place says, wherever `search` occurs. */
  async edit(path: RegExp, search: string | RegExp, replace: string): Promise<void> {
    for (const file of await this.storage.list(SPEC.name)) {
      if (!path.test(file.path)) continue
      const text = Buffer.from((await this.storage.get(file.path)) ?? []).toString('utf8')
      await this.storage.put(file.path, Buffer.from(text.replace(search, replace)))
    }
  }

  async active(): Promise<string[]> {
    const files = await this.storage.list(`${SPEC.name}/ds=`)
    return files.map(({ path }) => path.slice(SPEC.name.length + 1))
  }

  problems(options?: Parameters<typeof checkTableHistory>[2]): Promise<string[]> {
    return checkTableHistory(this.storage, SPEC.name, options)
  }
}

/** Two slots, two days, corrections, an emptied slot, a compaction and checkpoints of the log. */
export async function goodPlace(): Promise<Place> {
  const place = new Place()
  await place.write(
    [
      { slot: 0, position: 1, users: { ann: 100, bob: 50 } },
      { slot: 1, position: 1, users: { cyd: 70 } },
    ],
    DAY,
  )
  await place.write(
    [
      { day: DAY + 1, slot: 0, position: 5, users: { ann: null, bob: 60 } },
      { day: DAY + 1, slot: 1, position: 5, users: { cyd: null } },
    ],
    DAY + 1,
  )
  for (let position = 6; position < 60; position += 1)
    await place.write([{ slot: 0, position, users: { ann: 100 + position, bob: 50 } }])
  return place
}

/** An action's `add`. */
export function addOf(path: string, size: number, numRecords: number): object {
  return {
    path,
    size,
    partitionValues: { ds: path.slice(3, 13) },
    modificationTime: 0,
    dataChange: true,
    stats: JSON.stringify({ numRecords }),
  }
}
