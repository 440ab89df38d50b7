/**
 * One process of the engine over adapters in memory, under a clock that the test moves, and what survives the process.
 * Every durable effect is written down in order, and a test may hold it, fail it, or do something right before it.
 */
import type { Pipeline, ViewDefinition } from '../../src/core/definition.ts'
import { formatDay } from '../../src/core/day.ts'
import type { RunProgress, RunSummary } from '../../src/engine/parts.ts'
import type { CheckpointStore } from '../../src/engine/checkpoint-port.ts'
import type { HandOvers } from '../../src/engine/hand-over-port.ts'
import type {
  Clock,
  Lease,
  Log,
  Marker,
  OnlineStore,
  RecordSource,
} from '../../src/engine/ports.ts'
import { runPipeline } from '../../src/engine/run-pipeline.ts'
import { TidemarkError } from '../../src/errors.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import { MemoryAmended } from '../../src/memory/amended.ts'
import { MemoryGenerations } from '../../src/memory/generations.ts'
import { MemoryLog, type MemoryRecord } from '../../src/memory/log.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { diskOf, MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { MemoryTables } from '../../src/memory/tables.ts'
import { COUNT, pipelineOf, recordsAt, viewOf, type PipelineParts } from '../support/builders.ts'
import { Crashed, wrap } from '../support/crash.ts'
import { expectSinksEqual } from '../support/expect-sinks.ts'
import { MemoryRejects, readSinks } from '../support/engine-run.ts'
import { recompute } from '../support/oracle.ts'
import { valueBytes, type RawRecord } from '../support/raw-record.ts'

/** Stands still until it is moved; wall and monotonic time move together unless the wall is set. */
export class TestClock implements Clock {
  wall: number
  #monotonic = 0
  readonly #timers = new Set<{ readonly at: number; readonly wake: () => void }>()

  constructor(wall: number) {
    this.wall = wall
  }

  /** How many wait: each would keep a process from ending. */
  get waiting(): number {
    return this.#timers.size
  }

  wallMs(): number {
    return Math.floor(this.wall)
  }

  monotonicMs(): number {
    return this.#monotonic
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#timers.delete(timer)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = { at: this.#monotonic + ms, wake }
      this.#timers.add(timer)
      signal?.addEventListener('abort', wake)
    })
  }

  /** Lets time pass; whoever waits is woken at his time, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms
    await breathe()
    for (;;) {
      const next = Math.min(...[...this.#timers].map(({ at }) => at))
      if (next > end) break
      this.#pass(Math.max(next, this.#monotonic))
      for (const timer of this.#timers) {
        if (timer.at <= this.#monotonic) timer.wake()
      }
      await breathe()
    }
    this.#pass(end)
  }

  #pass(to: number): void {
    this.wall += to - this.#monotonic
    this.#monotonic = to
  }
}

async function breathe(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

export type EffectName =
  | 'rejects'
  | 'state commit'
  | 'online write'
  | 'online marker'
  | 'table file'
  | 'table commit'
  | 'checkpoint'

/** Called before the effect; what it throws, the effect fails with. */
type Hook = (detail: unknown) => unknown

export interface Effect {
  readonly name: EffectName
  readonly detail: unknown
}

export interface RigParts extends Partial<PipelineParts> {
  readonly partitions?: number
  readonly slots?: number
  readonly limit?: number
  readonly memory?: Partial<Pipeline['memory']>
  readonly wall?: string
  /** Records per fetch. */
  readonly fetch?: number
}

const DEFAULT_VIEW: ViewDefinition = viewOf([1, 3], [COUNT])

const AWAY = new TidemarkError('ONLINE_UNAVAILABLE', 'the store is away')

export class Rig {
  pipeline: Pipeline
  readonly clock: TestClock
  readonly disks: MemoryDisk[]
  online: MemoryOnlineStore
  tables = new MemoryTables()
  generations = new MemoryGenerations()
  readonly amended = new MemoryAmended()
  readonly rejects = new MemoryRejects()
  /** Done effects of all processes, in order. */
  readonly effects: Effect[] = []
  readonly told: string[] = []
  readonly hooks = new Map<EffectName, Hook>()
  /** What the log says that it is ahead, beyond what it gives. */
  extraLag = 0
  /** How long a fetch at the end of the log waits for records, as one of a topic does. */
  fetchWaitMs = 0
  /** How long one takes that finds some. */
  fetchMs = 0
  storeBehindMs = 0
  /** The online store cannot be reached. */
  onlineAway = false
  /** The place of the tables cannot be reached. */
  tablesAway = false
  /** For the processes that start from now on. */
  checkpoints: CheckpointStore | undefined
  /** For the processes that start from now on. */
  handOvers: HandOvers | undefined
  /** For the processes that start from now on. */
  lease: Lease | undefined
  /** Partitions whose state is open: all processes of a rig share one disk. */
  readonly locked = new Set<number>()
  /** Where a new pipeline begins. */
  origin = 0
  /** Records before it are gone. */
  logStart = 0
  readonly #log: MemoryRecord[][]
  readonly #raw: RawRecord[][]
  readonly #fetch: number
  #runs = 0

  constructor({
    partitions = 1,
    slots = 1,
    limit = 1,
    wall,
    fetch,
    memory,
    ...parts
  }: RigParts = {}) {
    const pipeline = pipelineOf({ views: [DEFAULT_VIEW], ...parts })
    this.pipeline = {
      ...pipeline,
      rejects: { ...pipeline.rejects, limit },
      memory: { ...pipeline.memory, ...memory },
      sinks: {
        online: { kind: 'leveldb', directory: 'online', prefix: '' },
        offline: {
          kind: 'delta',
          location: { kind: 'directory', directory: 'features' },
          slots,
          correctionsEveryMs: 900_000,
        },
      },
    }
    this.clock = new TestClock(Date.parse(`${wall ?? '2024-03-04 10:00'}Z`))
    this.online = new MemoryOnlineStore(() => this.clock.wall)
    this.disks = Array.from({ length: partitions }, () => new MemoryDisk())
    this.#log = this.disks.map(() => [])
    this.#raw = this.disks.map(() => [])
    this.#fetch = fetch ?? 1_000
  }

  append(events: Parameters<typeof recordsAt>[0], partition = 0): void {
    this.appendRaw(recordsAt(events), partition)
  }

  /** At the offsets that come next; `gap` offsets are left out before the first. */
  appendRaw(records: readonly RawRecord[], partition = 0, gap = 0): void {
    const log = this.#log[partition] ?? []
    const next = (log.at(-1)?.offset ?? -1) + 1 + gap
    for (const [i, record] of records.entries()) {
      const raw = { ...record, offset: next + i }
      this.#raw[partition]?.push(raw)
      log.push({ offset: raw.offset, timestamp: raw.timestamp, key: null, value: valueBytes(raw) })
    }
  }

  start({ untilEnd = false } = {}): Process {
    this.#runs += 1
    return new Process(this, `run-${this.#runs}`, untilEnd)
  }

  /** A whole process: to the end of the log. @throws what stopped it */
  async runToEnd(): Promise<RunSummary> {
    const run = this.start({ untilEnd: true })
    for (let i = 0; i < 400 && !run.ended; i += 1) await this.clock.advance(100)
    return run.summary
  }

  source(): RecordSource {
    const log = new MemoryLog('events', this.#log, {
      fetchRecords: () => this.#fetch,
      origin: this.origin,
    })
    return wrap<RecordSource>(log, {
      open: async (partition, offset) => {
        if (offset < this.logStart)
          throw new TidemarkError('OFFSET_GONE', `the log begins at ${this.logStart}`)
        const reader = await log.open(partition, offset)
        return wrap(reader, {
          lag: (at) => reader.lag(at) + this.extraLag,
          read: async (bytes) => {
            const batch = await reader.read(bytes)
            const waitMs = batch === undefined ? this.fetchWaitMs : this.fetchMs
            if (waitMs > 0) await this.clock.sleep(waitMs)
            return batch
          },
        })
      },
    })
  }

  onlineStore(effect: Process['effect']): OnlineStore {
    const rig = this as Rig
    const now = (): MemoryOnlineStore => {
      if (this.onlineAway) throw AWAY
      return this.online
    }
    return {
      write: (values) => effect('online write', values, async () => now().write(values)),
      get incarnation() {
        return rig.online.incarnation
      },
      advanceMarker: (partition, marker, expected) =>
        effect('online marker', marker, async () =>
          now().advanceMarker(partition, marker, expected),
        ),
      read: (view, entity) => now().read(view, entity),
      marker: async (partition) => now().marker(partition),
      forgetMarker: async (partition) => now().forgetMarker(partition),
      walk: (...where) => now().walk(...where),
      nowMs: async () => {
        if (this.onlineAway) throw AWAY
        return this.clock.wallMs() - this.storeBehindMs
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  /** `2024-03-05 n_1d=1 n_3d=2 (next 2024-03-06)`, or `nothing`. */
  async served(entity = 'u', view = 'activity:v1'): Promise<string> {
    const value = await this.online.read(view, entity)
    if (value === undefined) return 'nothing'
    const fields = value.fields.map(([name, text]) => `${name}=${text}`)
    const next = value.nextDay === undefined ? [] : [`(next ${formatDay(value.nextDay)})`]
    return [formatDay(value.version.day), ...fields, ...next].join(' ')
  }

  /** `2024-03-05 u n_1d=1 n_3d=2` per row of the table of the first view. */
  rows(table = 'activity_v1'): string[] {
    return this.tables
      .rows(table)
      .map(({ day, row }) => {
        const values = [...row].filter(([name]) => /_\d+d$/.test(name))
        const cells = values.map(([name, value]) => `${name}=${String(value)}`)
        return [formatDay(day), row.get('user'), ...cells].join(' ')
      })
      .sort()
  }

  done(name: EffectName): unknown[] {
    return this.effects.filter((effect) => effect.name === name).map(({ detail }) => detail)
  }

  /** All sinks are what the oracle recomputes from the log; `tickedMs`: what ticks have claimed. */
  async expectTheLaw(tickedMs?: number): Promise<void> {
    const partitions = this.#raw.map((records, partition) => {
      return { partition, records, ...(tickedMs === undefined ? {} : { tickedMs }) }
    })
    expectSinksEqual(recompute(this.pipeline, partitions), await readSinks(this))
  }
}

/** Puts a marker into a store, whatever was there. */
export async function putMarker(
  store: OnlineStore,
  partition: number,
  marker: Marker,
): Promise<void> {
  await store.advanceMarker(partition, marker, {
    marker: undefined,
    incarnation: store.incarnation,
  })
}

export class Process {
  readonly summary: Promise<RunSummary>
  ended = false
  progress: RunProgress | undefined
  readonly #rig: Rig
  readonly #stop = new AbortController()
  readonly #death = gate()
  #dead = false

  constructor(rig: Rig, run: string, untilEnd: boolean) {
    this.#rig = rig
    this.summary = this.#run(run, untilEnd).finally(() => {
      this.ended = true
    })
    this.summary.catch(() => undefined)
  }

  /** SIGTERM: resolves when the process has left. */
  async stop(): Promise<RunSummary> {
    this.#stop.abort()
    for (let i = 0; i < 200 && !this.ended; i += 1) await this.#rig.clock.advance(100)
    return this.summary
  }

  /** kill -9: no effect happens any more. */
  async kill(): Promise<void> {
    this.#dead = true
    this.#death.open()
    this.#stop.abort()
    this.#rig.hooks.clear()
    for (let i = 0; i < 200 && !this.ended; i += 1) await this.#rig.clock.advance(100)
    await this.summary.catch((error: unknown) => {
      if (!(error instanceof Crashed)) throw error
    })
  }

  readonly effect = async <T>(
    name: EffectName,
    detail: unknown,
    act: () => Promise<T>,
  ): Promise<T> => {
    this.#assertAlive(name)
    await Promise.race([this.#rig.hooks.get(name)?.(detail), this.#death.passed])
    this.#assertAlive(name)
    const result = await act()
    this.#rig.effects.push({ name, detail })
    return result
  }

  #assertAlive(effect: EffectName): void {
    if (this.#dead) throw new Crashed(effect)
  }

  #run(run: string, untilEnd: boolean): Promise<RunSummary> {
    const rig = this.#rig
    const { pipeline, clock, tables, generations, rejects } = rig
    const { effect } = this
    const options = {
      untilEnd,
      signal: this.#stop.signal,
      onProgress: (progress: RunProgress) => {
        this.progress = progress
      },
    }
    return runPipeline(
      {
        pipeline,
        source: rig.source(),
        lease: rig.lease,
        decoder: createDecoder(pipeline),
        openState: async (partition) => {
          if (rig.locked.has(partition))
            throw new TidemarkError('STATE_LOCKED', `partition ${partition} is open elsewhere`)
          rig.locked.add(partition)
          const state = await MemoryPartitionState.open(rig.disks[partition])
          return wrap(state, {
            [Symbol.asyncDispose]: async () => {
              await state[Symbol.asyncDispose]()
              rig.locked.delete(partition)
            },
            commit: (work) => effect('state commit', work, () => state.commit(work)),
          })
        },
        peekState: async (partition) =>
          (await MemoryPartitionState.open(rig.disks[partition])).head,
        restoreState: async (partition, files, generation) => {
          if (rig.locked.has(partition))
            throw new TidemarkError('STATE_LOCKED', `partition ${partition} is open elsewhere`)
          rig.disks[partition] = await diskOf(files, generation)
        },
        checkpoints: rig.checkpoints && watchedStore(rig.checkpoints, effect),
        online: rig.onlineStore(effect),
        tables: wrap<MemoryTables>(tables, {
          open: async (spec) => {
            if (rig.tablesAway) throw new TidemarkError('TABLE_UNAVAILABLE', 'the tables are away')
            const table = await tables.open(spec)
            return wrap(table, {
              write: (slot, position, rows) =>
                effect('table file', { slot, rows: rows.rows, table: spec.name }, () =>
                  table.write(slot, position, rows),
                ),
              commit: (transaction) =>
                effect('table commit', { ...transaction, table: spec.name }, () =>
                  table.commit(transaction),
                ),
            })
          },
        }),
        handOvers: rig.handOvers,
        generations,
        amended: rig.amended,
        rejects: wrap(rejects, {
          write: (some) => effect('rejects', some, () => rejects.write(some)),
        }),
        clock,
        log: tellingLog(rig.told),
        run,
        zoneData: 'test',
      },
      options,
    )
  }
}

function watchedStore(store: CheckpointStore, effect: Process['effect']): CheckpointStore {
  return wrap(store, {
    write: (snapshot, run) =>
      effect('checkpoint', snapshot.head.nextOffset, () => store.write(snapshot, run)),
  })
}

function tellingLog(lines: string[]): Log {
  const tell = (_fields: object, message: string): void => {
    lines.push(message)
  }
  return { debug: tell, info: tell, warn: tell, error: tell }
}

/** A promise that a test settles. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}
