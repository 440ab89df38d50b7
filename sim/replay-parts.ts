/** What a command of a replay is made of, in one process of the simulated world: the shipping planner, run and publisher over its network. */
import { openHandOvers, type KeptHandOvers } from '../src/cli/open-hand-overs.ts'
import { openPublicationTables, stagingFolder } from '../src/cli/publication-tables.ts'
import type { PublicationParts } from '../src/replay/publication-port.ts'
import type { AuditStamp, ReplayPlan } from '../src/replay/plan.ts'
import type { StagedTable } from '../src/replay/records.ts'
import type { ReplayParts } from '../src/replay/run-parts.ts'
import type { LiveCopy } from '../src/replay/start-parts.ts'
import type { GenerationStore } from '../src/engine/ports.ts'
import type { RejectSink } from '../src/engine/reject-port.ts'
import { createDecoder } from '../src/format/decoder.ts'
import { readRecords } from '../src/engine/hand-over.ts'
import { AmendedFiles } from '../src/storage/amended-records.ts'
import { FolderStorage } from '../src/storage/folder-storage.ts'
import { GenerationRecords } from '../src/storage/generation-records.ts'
import type { ObjectStorage } from '../src/storage/object-storage.ts'
import { StoredReplays } from '../src/storage/replay-records.ts'
import { DeltaTableStore } from '../src/table/delta-table.ts'
import { TABLE_FAULTS } from '../src/table/failure.ts'
import { wrap } from '../test/support/crash.ts'
import { bucketClient, replayEffect } from './bucket-client.ts'
import type { CommandPlace } from './command.ts'
import { logClient } from './log.ts'
import type { Machine } from './machine.ts'
import { checkpointsOf } from './member.ts'
import { MemoryParquet } from './parquet-engine.ts'
import { furthestState, isCurrent } from './replay-knowledge.ts'
import { CHECKPOINT_EVERY } from './rival.ts'
import { tableNames } from './tables.ts'
import type { World } from './world.ts'

export interface ReplayTools {
  readonly world: World
  readonly place: CommandPlace
  readonly storage: ObjectStorage
  readonly replays: StoredReplays
  readonly generations: GenerationRecords
  readonly handOvers: KeptHandOvers
  readonly tables: DeltaTableStore
  readonly staged: (id: string) => DeltaTableStore
  readonly checkpoints: ReplayParts['checkpoints']
  readonly stamp: AuditStamp
}

export function replayTools(world: World, place: CommandPlace): ReplayTools {
  const { process, network, machine, log } = place
  const newId = (): string => process.chance.id()
  const storage = bucketClient({
    bucket: world.tables,
    machine,
    network,
    nowMs: () => world.wallMs,
    faults: TABLE_FAULTS,
    place: 'tables',
    nameOf: replayEffect,
    coverage: world.coverage,
  })
  const { clock } = process
  const parquet = new MemoryParquet(machine.files)
  const options = { parquet, clock, log, newId, checkpointEvery: CHECKPOINT_EVERY }
  return {
    world,
    place,
    storage,
    replays: new StoredReplays(storage),
    generations: new GenerationRecords(storage, newId),
    handOvers: openHandOvers(storage, world.pipeline, { clock, log, newId }),
    tables: new DeltaTableStore({ storage, ...options }),
    staged: (id) =>
      new DeltaTableStore({ storage: new FolderStorage(storage, stagingFolder(id)), ...options }),
    checkpoints: checkpointsOf(world, {
      process,
      machine,
      network,
      pipeline: world.pipeline,
      log,
      newId,
    }),
    stamp: { atMs: clock.wallMs(), by: process.name, reason: 'simulated', software: 'simulated' },
  }
}

/** @param disk where the replay keeps its states: those of the consumer are elsewhere */
export async function runParts(
  tools: ReplayTools,
  plan: ReplayPlan,
  disk: Machine,
): Promise<ReplayParts> {
  const { world, place, handOvers, checkpoints } = tools
  const { process, network, log } = place
  const { fetchMax, lagUnit } = world.plan
  const staging = tools.staged(plan.id)
  const tables = openPublicationTables({ tables: tools.tables, staged: () => staging })
  const records = await readRecords(tools.generations)
  return {
    plan,
    pipeline: world.pipeline,
    source: logClient({ log: world.log, network, chance: process.chance, fetchMax, lagUnit }),
    decoder: createDecoder(world.pipeline),
    states: {
      openState: (partition) => disk.open(process, network, partition),
      peekState: (partition) => disk.peek(partition),
      restoreState: (partition, files, generation) =>
        disk.restore(process, network, { partition, files, generation }),
    },
    checkpoints,
    handOvers,
    tables: staging,
    tiles: undefined,
    live: noCopies,
    milestones: async (partition) =>
      (await furthestState(world, partition, isCurrent(records)))?.state.milestones(),
    records,
    staged: async () => {
      const found: StagedTable[] = []
      for (const name of tableNames(world.pipeline)) {
        const counts = await tables.staged(plan.id, name)
        if (counts) found.push({ name, days: undefined, checksum: '', ...counts })
      }
      return found
    },
    amended: new AmendedFiles(tools.storage),
    rejects: FORGETTING,
    clock: process.clock,
    log,
    run: process.name,
    zoneData: 'simulated',
  }
}

/** No replay of a simulated world begins with a live state. */
async function* noCopies(): AsyncGenerator<LiveCopy> {
  yield* []
}

/** @param lingersMs between the record of a generation and its tables; `live`: whose states can be kept */
export function publicationParts(
  tools: ReplayTools,
  { live, lingersMs }: { readonly live: Machine; readonly lingersMs: number },
): PublicationParts {
  const { replays, generations, handOvers, storage, tables, staged, place } = tools
  return {
    replays,
    generations: wrap<GenerationStore>(generations, {
      put: async (generation, record) => {
        const stored = await generations.put(generation, record)
        if (lingersMs > 0) await place.process.clock.sleep(lingersMs)
        return stored
      },
    }),
    handOvers,
    amended: new AmendedFiles(storage),
    tables: openPublicationTables({ tables, staged }),
    // The log forgets nothing.
    reaches: () => Promise.resolve(true),
    stateBefore: async (partition, generation) => {
      const state = await live.released(partition)
      const head = state?.head
      if (state === undefined || head === undefined || head.generation >= generation)
        return undefined
      return state.snapshot()
    },
    run: place.process.name,
  }
}

/** What a replay refuses the consumer has refused before. */
const FORGETTING: RejectSink = {
  write: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}
