/** One run of the shipping engine in a process of the simulated world. */
import { createCheckpointStore } from '../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../src/checkpoint/failure.ts'
import { openHandOvers } from '../src/cli/open-hand-overs.ts'
import type { Pipeline } from '../src/core/definition.ts'
import type { RunParts, RunProgress } from '../src/engine/parts.ts'
import type { CheckpointStore } from '../src/engine/checkpoint-port.ts'
import type { FeatureTable, Log, ScanPosition, TableStore } from '../src/engine/ports.ts'
import type { RejectSink } from '../src/engine/reject-port.ts'
import { runPipeline } from '../src/engine/run-pipeline.ts'
import { createDecoder } from '../src/format/decoder.ts'
import { AmendedFiles } from '../src/storage/amended-records.ts'
import { GenerationRecords } from '../src/storage/generation-records.ts'
import { DeltaTableStore } from '../src/table/delta-table.ts'
import { TABLE_FAULTS } from '../src/table/failure.ts'
import { wrap } from '../test/support/crash.ts'
import { bucketClient, checkpointEffect, tableEffect } from './bucket-client.ts'
import type { Coverage } from './coverage.ts'
import { SimulatedLease } from './lease.ts'
import { logClient } from './log.ts'
import type { Machine } from './machine.ts'
import { Network } from './network.ts'
import { onlineClient } from './online-client.ts'
import { MemoryParquet } from './parquet-engine.ts'
import { Process } from './process.ts'
import { keptPosition } from './publish.ts'
import { CHECKPOINT_EVERY } from './rival.ts'
import type { World } from './world.ts'

export type MemberEnd =
  | { readonly kind: 'killed' }
  | { readonly kind: 'left' }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface MemberParts {
  readonly name: string
  readonly machine: Machine
  readonly pipeline: Pipeline
  /** Called once: the process is no more. */
  readonly onEnd: (member: Member, end: MemberEnd) => void
}

export class Member {
  readonly process: Process
  readonly machine: Machine
  progress: RunProgress | undefined
  isLeaving = false
  readonly #world: World
  readonly #stop = new AbortController()
  #end: MemberEnd = { kind: 'killed' }

  constructor(world: World, { name, machine, pipeline, onEnd }: MemberParts) {
    this.#world = world
    this.machine = machine
    this.process = new Process({
      name,
      scheduler: world.scheduler,
      chance: world.chance.fork(name),
      wallMs: () => world.wallMs + machine.wallShiftMs,
      onDeath: () => {
        machine.release(this.process)
        world.trace.note(name, `--- ${this.#end.kind}`)
        this.#notePaths()
        onEnd(this, this.#end)
      },
    })
    world.trace.note(name, '+++ starts')
    const onProgress = (progress: RunProgress): void => {
      this.progress = progress
    }
    const options = {
      untilEnd: false,
      signal: this.#stop.signal,
      onProgress,
      progressEveryMs: 2_500,
    }
    runPipeline(partsOf(world, this.process, { machine, pipeline }), options).then(
      () => this.#over({ kind: 'left' }),
      (error: unknown) => this.#over({ kind: 'failed', error }),
    )
  }

  /** SIGTERM. */
  leave(): void {
    this.isLeaving = true
    this.process.deliver(() => this.#stop.abort())
  }

  #over(end: MemberEnd): void {
    if (this.process.isDead) return
    this.#end = end
    this.process.kill()
  }

  #notePaths(): void {
    for (const { online } of this.progress?.partitions ?? []) {
      for (const [reason, count] of Object.entries(online?.scansByReason ?? {}))
        for (let i = 0; i < count; i += 1) this.#world.coverage.hit(`path scan: ${reason}`)
    }
  }
}

function partsOf(
  world: World,
  process: Process,
  { machine, pipeline }: { readonly machine: Machine; readonly pipeline: Pipeline },
): RunParts {
  const { scheduler, trace, coverage, plan, coordinator } = world
  const network = new Network({
    process,
    scheduler,
    trace,
    decide: (effect) => world.decide(process.name, effect),
    onFault: (kind, effect) => world.effectFault(kind, effect),
    onGhost: () => coverage.hit('path write of a process that was dead or asleep by then'),
  })
  const log = logOf(world, process)
  const chance = process.chance
  const tables = bucketClient({
    bucket: world.tables,
    machine,
    network,
    nowMs: () => world.wallMs,
    faults: TABLE_FAULTS,
    place: 'tables',
    nameOf: tableEffect,
    coverage,
  })
  const scans = new Map<number, ScanPosition | undefined>()
  const newId = (): string => chance.id()
  const { fetchMax, lagUnit, sessionMs, heartbeatMs } = plan
  return {
    pipeline,
    source: logClient({ log: world.log, network, chance, fetchMax, lagUnit }),
    lease: new SimulatedLease({
      process,
      network,
      coordinator,
      trace,
      coverage,
      sessionMs,
      heartbeatMs,
    }),
    decoder: createDecoder(pipeline),
    openState: async (partition) => {
      const state = await machine.open(process, network, partition)
      scans.set(partition, state.head?.online?.scan)
      world.kept.set(`${process.name} ${partition}`, keptPosition(world, partition))
      return state
    },
    restoreState: (partition, files, generation) =>
      machine.restore(process, network, { partition, files, generation }),
    peekState: (partition) => machine.peek(partition),
    online: onlineClient({
      server: world.online,
      network,
      process: process.name,
      coverage,
      scanOf: (partition) => scans.get(partition),
    }),
    tables: noticing(
      new DeltaTableStore({
        storage: tables,
        parquet: new MemoryParquet(machine.files),
        clock: process.clock,
        log,
        newId,
        checkpointEvery: CHECKPOINT_EVERY,
      }),
      coverage,
    ),
    checkpoints: checkpointsOf(world, { process, machine, network, pipeline, log, newId }),
    handOvers: openHandOvers(tables, pipeline, { clock: process.clock, log, newId }),
    generations: new GenerationRecords(tables, newId),
    amended: new AmendedFiles(tables),
    rejects: rejectSink(world, network),
    clock: process.clock,
    log,
    run: process.name,
    zoneData: 'simulated',
  }
}

interface CheckpointParts {
  readonly process: Process
  readonly machine: Machine
  readonly network: Network
  readonly pipeline: Pipeline
  readonly log: Log
  readonly newId: () => string
}

export function checkpointsOf(world: World, parts: CheckpointParts): CheckpointStore | undefined {
  const { process, machine, network, pipeline, log, newId } = parts
  if (pipeline.checkpoints === undefined) return undefined
  const storage = bucketClient({
    bucket: world.checkpoints,
    machine,
    network,
    nowMs: () => world.wallMs,
    faults: CHECKPOINT_FAULTS,
    place: 'checkpoints',
    nameOf: checkpointEffect,
    coverage: world.coverage,
  })
  const { keep, keepForMs } = pipeline.checkpoints
  const policy = { keep, keepForMs }
  const { name } = pipeline
  return createCheckpointStore({
    storage,
    pipeline: name,
    policy,
    clock: process.clock,
    log,
    newId,
  })
}

/** Notes where a version of a slot decided against a writer. */
function noticing(store: TableStore, coverage: Coverage): TableStore {
  return wrap<TableStore>(store, {
    open: async (spec) => {
      const table = await store.open(spec)
      return wrap<FeatureTable>(table, {
        commit: async (transaction) => {
          const commit = await table.commit(transaction)
          if (commit.dropped > 0) coverage.hit('path slot change dropped by version')
          return commit
        },
      })
    },
  })
}

function rejectSink({ rejects, coverage }: World, network: Network): RejectSink {
  return {
    write: (all) => {
      const detail = all.map(({ partition, offset, reason }) => `${partition}@${offset}:${reason}`)
      const effect = { place: 'rejects', name: 'reject write', isDurable: true } as const
      return network.call({ ...effect, detail: detail.join(' ') }, async (part) => {
        for (const reject of all.slice(0, Math.ceil(all.length * part))) {
          const at = `${reject.partition}@${reject.offset}`
          if (rejects.has(at)) coverage.hit('path reject written again')
          rejects.set(at, reject)
        }
      })
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** What an operator would read; some lines say which way of recovery was taken. */
const PATHS: readonly (readonly [RegExp, string])[] = [
  [/given to another member/, 'partition given up'],
  [/the store has lost data/, 'loss found by the marker'],
  [/works again/, 'retry that worked'],
  [/no state here, beginning at the origin/, 'state begun at the origin'],
  [/trying the one before it/i, 'damaged checkpoint passed over'],
  [/historical log, not ticking/, 'historical log not ticking'],
]

export function logOf({ trace, coverage }: World, { name }: Process): Log {
  const tell = (_fields: object, message: string): void => {
    trace.note(name, `    ${message.split('\n')[0] ?? ''}`)
    for (const [pattern, path] of PATHS) if (pattern.test(message)) coverage.hit(`path ${path}`)
  }
  return { debug: tell, info: tell, warn: tell, error: tell }
}
