/**
 * One pipeline with two partitions and one view, in memory: live tables, replays beside them whose rows are written by hand, owners that
 * come into generations. A process is a set of adapters on what survives; it may die at any change of a file.
 */
import { openHandOvers } from '../../src/cli/open-hand-overs.ts'
import { openPublicationTables, stagingFolder } from '../../src/cli/publication-tables.ts'
import type { GenerationRecord } from '../../src/core/generation.ts'
import { recordText } from '../../src/core/generation.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { replayPlace } from '../../src/engine/hand-over-port.ts'
import type { HandOvers } from '../../src/engine/hand-over-port.ts'
import type { FeatureTable, StateSnapshot, TablePosition } from '../../src/engine/ports.ts'
import { MemoryAmended } from '../../src/memory/amended.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import type { AuditStamp, ReplayPlan } from '../../src/replay/plan.ts'
import type { PublicationParts } from '../../src/replay/publication-port.ts'
import { publishReplay } from '../../src/replay/publish.ts'
import type { PublishOptions, PublishOutcome } from '../../src/replay/publish.ts'
import { rollBack } from '../../src/replay/rollback.ts'
import type { RollbackOptions, RollbackOutcome } from '../../src/replay/rollback.ts'
import { FolderStorage } from '../../src/storage/folder-storage.ts'
import { GenerationRecords } from '../../src/storage/generation-records.ts'
import type { ObjectStorage } from '../../src/storage/object-storage.ts'
import { StoredReplays } from '../../src/storage/replay-records.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { viewTable } from '../../src/table/view.ts'
import { MemoryParquet, readRows } from '../../sim/parquet-engine.ts'
import { snapshotOf } from '../conformance/checkpoint-fixtures.ts'
import { CrashPoint, wrap } from '../support/crash.ts'
import { SILENT } from '../support/silent-log.ts'
import { specOf, stage, StillClock } from '../support/table-fixture.ts'
import type { SlotRows } from '../support/table-fixture.ts'
import { replayOf } from '../support/replay-fixture.ts'

export const TABLE = 'activity_v1'
const TILES = `${TABLE}__tiles`
export const PARTITIONS = 2
export const SLOTS = 2
const DAY_MS = 86_400_000

/** What one process works with. */
export interface Process extends PublicationParts {
  readonly storage: ObjectStorage
  readonly liveTables: DeltaTableStore
  staged(id: string): DeltaTableStore
}

export interface ReplayWish {
  readonly days: { readonly first: number; readonly last: number }
  readonly rows: readonly SlotRows[]
  readonly closed?: number
  readonly handsOver?: boolean
  /** Where it ends, of each partition. */
  readonly offset?: number
  /** Day of its newest event. */
  readonly newest?: number
  readonly base?: number
  readonly record?: Partial<GenerationRecord>
}

export class PublicationWorld {
  readonly clock = new StillClock()
  readonly #bucket = new MemoryBucket()
  readonly #files = new MemoryFiles()
  readonly amended = new MemoryAmended()
  /** First offset that the log still has. */
  logStart = 0
  /** States on the machine, by partition. */
  readonly here = new Map<number, StateSnapshot>()
  #ids = 0

  /** Generation 1, and tables of it. */
  static async create(rows: readonly SlotRows[]): Promise<PublicationWorld> {
    const world = new PublicationWorld()
    const record = { ...replayOf({ first: 0, last: 0 }, []).plan.record, ...RECORD }
    await world.process().generations.put(1, recordText({ ...record, generation: 1 }))
    await world.write(1, rows)
    await world.write(1, [], TILES)
    return world
  }

  process(crash = new CrashPoint(Infinity)): Process {
    const memory = new MemoryObjectStorage({
      bucket: this.#bucket,
      files: this.#files,
      nowMs: () => this.clock.nowMs,
      faults: TABLE_FAULTS,
    })
    const storage = dying(memory, crash)
    const options = {
      storage,
      parquet: new MemoryParquet(this.#files),
      clock: this.clock,
      log: SILENT,
      newId: () => `${(this.#ids += 1).toString(16).padStart(8, '0')}-${'0'.repeat(24)}`,
    }
    const tables = new DeltaTableStore(options)
    const staged = (id: string): DeltaTableStore =>
      new DeltaTableStore({ ...options, storage: new FolderStorage(storage, stagingFolder(id)) })
    return {
      storage,
      liveTables: tables,
      staged,
      replays: new StoredReplays(storage),
      generations: new GenerationRecords(storage, () => 'place'),
      handOvers: this.handOvers(storage),
      amended: this.amended,
      tables: openPublicationTables({ tables, staged }),
      reaches: (_, offset) => Promise.resolve(offset >= this.logStart),
      stateBefore: (partition, generation) => {
        const state = this.here.get(partition)
        return Promise.resolve(
          state !== undefined && state.head.generation < generation ? state : undefined,
        )
      },
      run: 'test',
    }
  }

  handOvers(storage: ObjectStorage): HandOvers {
    return openHandOvers(storage, { name: 'shop' } as never, { clock: this.clock, log: SILENT })
  }

  /** An owner at work. */
  async write(generation: number, rows: readonly SlotRows[], name = TABLE): Promise<void> {
    const table = await this.open(generation, name)
    const changes = []
    for (const row of rows) changes.push(await stage(table, row))
    await table.commit({ generation, run: 'owner', changes, complete: [] })
  }

  open(generation: number, name = TABLE): Promise<FeatureTable> {
    return this.process().liveTables.open(specOf({ name, generation }))
  }

  async complete(generation: number, day: number): Promise<void> {
    for (const name of [TABLE, TILES]) {
      const table = await this.open(generation, name)
      const complete = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, day }))
      await table.commit({ generation, run: 'owner', changes: [], complete })
    }
  }

  /** One that was planned and run. */
  async replay(id: string, wish: ReplayWish): Promise<ReplayPlan> {
    const parts = this.process()
    const { days, rows, closed = days.last, handsOver = false, offset = 10, base = 1 } = wish
    const { newest } = wish
    const known = await readRecords(parts.generations)
    const stored = known.find(({ generation }) => generation === base) as GenerationRecord
    const { handOver: _, ...content } = stored
    const closedDays = Array.from({ length: PARTITIONS }, () => closed)
    const template = replayOf(days, closedDays)
    const record = { ...content, ...wish.record, generation: base + 1 }
    const plan = { ...template.plan, id, base, record, handsOver, pipeline: 'shop' }
    await parts.replays.create(plan)
    for (const [name, of] of [
      [TABLE, rows],
      [TILES, []],
    ] as const) {
      const table = await parts.staged(id).open(specOf({ name, generation: base + 1 }))
      const changes = []
      for (const row of of) changes.push(await stage(table, row))
      await table.commit({ generation: base + 1, run: 'replay', changes, complete: [] })
    }
    await parts.replays.putResult(id, {
      finishedMs: 1,
      run: 'replay',
      seconds: 1,
      tables: [],
      partitions: await Promise.all(
        closedDays.map(async (closedDay, partition) => {
          const state = stateAt(partition, { offset, newest, generation: base + 1 })
          const place = parts.handOvers.states(replayPlace(id))
          const checkpoint = handsOver ? (await place.write(state, 'replay')).id : undefined
          return { partition, offset, closedDay, records: offset, checkpoint }
        }),
      ),
    })
    return plan
  }

  /** The owners' states of before are kept, as when they come into the generation. */
  async ownersCome(generation: number, offset: number, table = NOTHING_WHOLE): Promise<void> {
    const place = this.process().handOvers.replaced(generation)
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const state = stateAt(partition, { offset, generation: generation - 1 })
      await place.write({ ...state, head: { ...state.head, table } }, 'owner')
    }
  }

  publish(
    id: string,
    options: Partial<PublishOptions> = {},
    process: PublicationParts = this.process(),
  ): Promise<PublishOutcome> {
    const gates = (): Promise<[]> => Promise.resolve([])
    return publishReplay(process, id, {
      stamp: STAMP,
      force: false,
      dryRun: false,
      gates,
      ...options,
    })
  }

  rollBack(
    id?: string,
    options: Partial<RollbackOptions> = {},
    process: PublicationParts = this.process(),
  ): Promise<RollbackOutcome> {
    return rollBack(process, id, { stamp: STAMP, dryRun: false, ...options })
  }

  records(): Promise<GenerationRecord[]> {
    return readRecords(this.process().generations)
  }

  /** `day partition user clicks` of every row that a reader sees. */
  async lines(name = TABLE): Promise<string[]> {
    const { files } = await viewTable(this.process().liveTables.table(name))
    const lines = files.flatMap(({ day, partition, path }) => {
      const content = this.#bucket.contents.get(`${name}/${path}`)
      if (content === undefined) throw new Error(`${path} is active and gone`)
      return readRows(content.bytes).rows.map(
        ([user, clicks]) => `${day} ${partition} ${String(user)} ${String(clicks)}`,
      )
    })
    return lines.sort()
  }

  async generation(name = TABLE): Promise<number> {
    return (await viewTable(this.process().liveTables.table(name))).generation
  }

  /** Data files that no version names. */
  async orphans(): Promise<string[]> {
    const log = this.process().liveTables.table(TABLE).log
    return log.latest((snapshot) =>
      [...this.#bucket.contents.keys()]
        .filter((path) => path.startsWith(`${TABLE}/ds=`))
        .map((path) => path.slice(TABLE.length + 1))
        .filter((path) => !snapshot?.isActive(path) && !snapshot?.removal(path)),
    )
  }
}

export const STAMP: AuditStamp = { atMs: 1, by: 'ann@here', reason: 'test', software: 'test' }

const NOTHING_WHOLE: TablePosition = { complete: [], whole: [undefined] }

const RECORD = {
  pipeline: 'shop',
  slots: SLOTS,
  views: [
    {
      name: 'activity',
      version: 1,
      hash: 'a',
      earlier: [],
      base: '',
      longestWindow: 7,
      aggregates: [],
      columns: {},
    },
  ],
  segments: Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, origin: 0 })),
}

/** A day later than any of a test: what a state with such an event knows is final. */
const LONG_SINCE = 21_000

function stateAt(
  partition: number,
  at: {
    readonly offset: number
    readonly generation: number
    readonly newest?: number | undefined
  },
): StateSnapshot {
  const { offset, generation, newest = LONG_SINCE } = at
  const state = snapshotOf(offset, { CURRENT: `state at ${offset}` }, { generation })
  const time = { ...state.head.time, maxEventTime: newest * DAY_MS }
  return { ...state, head: { ...state.head, partition, partitions: PARTITIONS, time } }
}

/** Dies at a change of a file. */
function dying(storage: ObjectStorage, crash: CrashPoint): ObjectStorage {
  const change = <T>(what: string, act: () => Promise<T>): Promise<T> => crash.effect(what, act)
  return wrap(storage, {
    putIfAbsent: (path, bytes) => change('put if absent', () => storage.putIfAbsent(path, bytes)),
    put: (path, bytes) => change('put', () => storage.put(path, bytes)),
    copy: (from, to) => change('copy', () => storage.copy(from, to)),
    moveIn: (from, to) => change('move', () => storage.moveIn(from, to)),
    delete: (path) => change('delete', () => storage.delete(path)),
  })
}
