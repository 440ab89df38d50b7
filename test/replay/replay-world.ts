/**
 * A live pipeline in memory and replays beside it: planned from what its states know, run to the side, compared with the oracle. The
 * log may have lost its beginning, and a run may be killed at any durable effect.
 */
import type { Checkpoint } from '../../src/engine/checkpoint-port.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { replayPlace } from '../../src/engine/hand-over-port.ts'
import type { HandOvers } from '../../src/engine/hand-over-port.ts'
import { createCheckpointStore } from '../../src/checkpoint/checkpoint-store.ts'
import type { KeptCheckpoints } from '../../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../../src/checkpoint/failure.ts'
import { openHandOvers } from '../../src/cli/open-hand-overs.ts'
import { parseSlot } from '../../src/core/dirty-slot.ts'
import type { Pipeline, ViewDefinition } from '../../src/core/definition.ts'
import { recordText } from '../../src/core/generation.ts'
import type { RecordSource } from '../../src/engine/ports.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import { MemoryGenerations } from '../../src/memory/generations.ts'
import { MemoryLog } from '../../src/memory/log.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { diskOf, MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { MemoryTables } from '../../src/memory/tables.ts'
import type { KnownCheckpoint, PartitionKnowledge } from '../../src/replay/knowledge.ts'
import { Pace } from '../../src/replay/pace.ts'
import { planReplay } from '../../src/replay/plan-replay.ts'
import type { PlannedReplay } from '../../src/replay/plan-replay.ts'
import type { ReplayRequest } from '../../src/replay/plan-scope.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import type { ReplayResult } from '../../src/replay/records.ts'
import { presentRegroupedPlace } from '../../src/replay/regrouped-states.ts'
import { regroupedTiles } from '../../src/replay/regrouped-tiles.ts'
import { runReplay } from '../../src/replay/run.ts'
import type { ReplayParts } from '../../src/replay/run-parts.ts'
import type { LiveCopy } from '../../src/replay/start-parts.ts'
import { stagedDays } from '../../src/replay/staged.ts'
import {
  CrashPoint,
  Crashed,
  wrap,
  crashingRejects,
  crashingState,
  crashingTables,
} from '../support/crash.ts'
import { memoryRecord, MemoryRejects, readSinks, World } from '../support/engine-run.ts'
import type { RawPartition } from '../support/raw-record.ts'
import { stagedDifferences } from '../support/staged-differences.ts'
import { SILENT } from '../support/silent-log.ts'
import { stagedIn, tilesIn } from './memory-tables.ts'

/** Of one replay: what survives its processes. */
export interface ReplayPlace {
  readonly disks: MemoryDisk[]
  /** Of old partitions, where some were added. */
  readonly oldDisks: MemoryDisk[]
  readonly tables: MemoryTables
  readonly rejects: MemoryRejects
}

export class ReplayWorld {
  readonly live: World
  partitions: readonly RawPartition[]
  readonly handOvers: HandOvers
  checkpoints: KeptCheckpoints | undefined
  /** What the checkpoints are kept in. */
  readonly bucket = new MemoryBucket()
  /** First offset that the log still has. */
  logStart = 0

  /** @param after what a replay has made of another one: its owners, and the states between generations */
  constructor(
    pipeline: Pipeline,
    partitions: readonly RawPartition[],
    after: { readonly live?: World; readonly handOvers?: HandOvers } = {},
  ) {
    this.live = after.live ?? new World(pipeline, partitions)
    this.partitions = partitions
    const { clock } = this.live
    this.handOvers =
      after.handOvers ??
      openHandOvers(this.#storage(new MemoryBucket()), pipeline, { clock, log: SILENT })
  }

  get pipeline(): Pipeline {
    return this.live.pipeline
  }

  #storage(bucket: MemoryBucket): MemoryObjectStorage {
    const { clock } = this.live
    return new MemoryObjectStorage({
      bucket,
      files: new MemoryFiles(),
      faults: CHECKPOINT_FAULTS,
      nowMs: () => clock.wallMs(),
    })
  }

  /** The live consumer up to an offset of each partition, and a checkpoint there. */
  async runLiveTo(count: number): Promise<void> {
    const begun = this.partitions.map((part) => ({
      ...part,
      records: part.records.slice(0, count),
    }))
    this.live.change(this.pipeline, begun)
    await this.live.run()
    const { clock } = this.live
    let ids = 0
    this.checkpoints ??= createCheckpointStore({
      storage: this.#storage(this.bucket),
      pipeline: this.pipeline.name,
      policy: { keep: 9, keepForMs: 0 },
      clock,
      log: SILENT,
      newId: () => `id-${(ids += 1)}`,
    })
    for (const disk of this.live.disks) {
      const state = await MemoryPartitionState.open(disk)
      if (state.head === undefined) continue
      await using snapshot = await state.snapshot()
      await this.checkpoints.write(snapshot, 'live')
    }
    this.live.change(this.pipeline, this.partitions)
  }

  async plan(wish: Partial<ReplayRequest>): Promise<PlannedReplay> {
    const stored = (await readRecords(this.live.generations)).at(-1)
    if (stored === undefined) throw new Error('the live consumer has run')
    return planReplay(
      {
        id: 'test',
        text: '',
        range: undefined,
        views: undefined,
        onlyRange: false,
        start: undefined,
        allowIncomplete: false,
        amendments: [],
        audit: { atMs: 0, by: 'test', reason: 'test', software: 'test' },
        ...wish,
      },
      {
        pipeline: this.pipeline,
        stored,
        zoneData: 'test',
        source: { kind: 'log' },
        partitions: await this.knowledge(),
      },
    )
  }

  async knowledge(): Promise<PartitionKnowledge[]> {
    const found: PartitionKnowledge[] = []
    const records = await readRecords(this.live.generations)
    const regrouped = presentRegroupedPlace(records)
    const tilesTo = await this.#tilesTo(records.at(-1)?.generation ?? 1)
    for (const partition of this.partitions.keys()) {
      const disk = this.live.disks[partition] ?? new MemoryDisk()
      const state = await MemoryPartitionState.open(disk)
      const { head } = state
      const end = (this.partitions[partition]?.records.at(-1)?.offset ?? -1) + 1
      const milestones = await state.milestones()
      const kept = (await this.checkpoints?.list(partition)) ?? []
      const left =
        regrouped === undefined ? [] : await this.handOvers.states(regrouped).list(partition)
      found.push({
        partition,
        log: { start: Math.min(this.logStart, end), end, unit: 'records', recordBytes: 100 },
        state: head && {
          from: 'state',
          head,
          milestones: milestones.sort((a, b) => a.offset - b.offset || a.day - b.day),
          dirty: [...(await state.dirtySlots()).keys()].map(parseSlot),
          tilesTo: tilesTo.get(partition),
        },
        checkpoints: [
          ...kept.map((each) => known(each)),
          ...left.map((each) => ({ ...known(each), ...(regrouped && { place: regrouped }) })),
        ],
      })
    }
    return found
  }

  /** By partition; nothing of one that a table has no whole day of. */
  async #tilesTo(generation: number): Promise<ReadonlyMap<number, number>> {
    const all: ReadonlyMap<number, number>[] = []
    for (const { name, version } of this.pipeline.views) {
      const spec = { columns: [], sortedBy: [], generation, metadata: {} }
      const table = await this.live.tables.open({ name: `${name}_v${version}__tiles`, ...spec })
      all.push(await table.complete())
    }
    const days = [...this.partitions.keys()].map((partition) => {
      return [partition, Math.min(...all.map((each) => each.get(partition) ?? -Infinity))] as const
    })
    return new Map(days.filter(([, day]) => Number.isFinite(day)))
  }

  place(): ReplayPlace {
    const disks = this.partitions.map(() => new MemoryDisk())
    const oldDisks = this.live.disks.map(() => new MemoryDisk())
    return { disks, oldDisks, tables: new MemoryTables(), rejects: new MemoryRejects() }
  }

  /** One process of the replay. @returns undefined where it died */
  async run(
    plan: ReplayPlan,
    place: ReplayPlace,
    {
      crash = new CrashPoint(Infinity),
      fetchRecords = (): number => 7,
      parallel = 2,
      /** Of each partition: what the log has by then. */
      records: end = Infinity,
    } = {},
  ): Promise<ReplayResult | undefined> {
    const { live, pipeline } = this
    const { clock } = live
    const log = this.partitions.map(({ records }) =>
      records
        .slice(0, end)
        .filter(({ offset }) => offset >= this.logStart)
        .map(memoryRecord),
    )
    const records = await readRecords(live.generations)
    try {
      return await runReplay(
        {
          plan,
          pipeline,
          source: sameLog(new MemoryLog('random', log, { fetchRecords })),
          decoder: createDecoder(pipeline),
          amended: live.amended,
          states: statesOn(place.disks, crash),
          old: {
            states: statesOn(place.oldDisks, crash),
            rejects: crashingRejects(live.rejects, crash),
            stateUpTo: (partition, offset) => this.#stateUpTo(partition, offset),
          },
          checkpoints: this.checkpoints,
          handOvers: this.handOvers,
          tables: crashingTables(place.tables, crash),
          tiles: regroupedTiles(tilesIn(live.tables), records),
          live: noCopies,
          milestones: async (partition) => (await this.knowledge())[partition]?.state?.milestones,
          records,
          staged: () => Promise.resolve(stagedIn(place.tables, plan)),
          rejects: crashingRejects(place.rejects, crash),
          clock,
          log: SILENT,
          run: `replay-${String(clock.now)}`,
          zoneData: 'test',
        },
        { parallel, pace: new Pace(clock, { zone: 'UTC' }), signal: new AbortController().signal },
      )
    } catch (error) {
      if (error instanceof Crashed) return undefined
      throw error
    }
  }

  async *#stateUpTo(partition: number, offset: number): AsyncGenerator<LiveCopy> {
    const state = await MemoryPartitionState.open(this.live.disks[partition])
    if (state.head === undefined || state.head.nextOffset > offset) return
    const { files } = await state.snapshot()
    yield {
      async *files() {
        for (const file of files) yield { name: file.name, bytes: await file.read() }
      },
    }
  }

  /** The consumer that took the states over, with the tables as they are once the staged days are swapped in. */
  async handedOver(
    { id, record }: ReplayPlan,
    { tables }: ReplayPlace,
    partitions: readonly RawPartition[],
  ): Promise<World> {
    const generations = new MemoryGenerations()
    await generations.put(record.generation, recordText(record))
    const next = new World(this.pipeline, partitions, { generations, tables })
    for (const partition of next.disks.keys())
      next.disks[partition] = await this.handedState({ id }, partition)
    return next
  }

  async handedState({ id }: Pick<ReplayPlan, 'id'>, partition: number): Promise<MemoryDisk> {
    const states = this.handOvers.states(replayPlace(id))
    const [kept] = await states.list(partition)
    if (kept === undefined) throw new Error(`the state of partition ${partition} is stored`)
    return diskOf(states.read(kept))
  }

  /** What the staged rows and tiles differ from what the oracle says of the days that the replay closed. */
  async differences(
    plan: ReplayPlan,
    place: ReplayPlace,
    { partitions }: ReplayResult,
  ): Promise<string> {
    const isStaged = ({ day, partition }: { day: number; partition: number }): boolean => {
      const { first, last } = stagedDays(plan, partition)
      return day >= first && day <= Math.min(last, partitions[partition]?.closedDay ?? -Infinity)
    }
    const isWritten = ({ name, version }: ViewDefinition): boolean =>
      plan.views.includes(`${name}@${version}`)
    const { online } = this.live
    const sinks = await readSinks({ online, pipeline: this.pipeline, ...place })
    return stagedDifferences(this.pipeline, this.partitions, { isStaged, isWritten }, sinks)
  }

  /** The same of all views of a consumer that took its states over. */
  async differencesFrom(
    plan: ReplayPlan,
    next: World,
    partitions: readonly RawPartition[],
  ): Promise<string> {
    const isStaged = ({ day, partition }: { day: number; partition: number }): boolean =>
      day >= stagedDays(plan, partition).first
    return stagedDifferences(this.pipeline, partitions, { isStaged }, await next.sinks())
  }
}

async function* noCopies(): AsyncGenerator<LiveCopy> {
  yield* []
}

function known({ id, head: { nextOffset, time } }: Checkpoint): KnownCheckpoint {
  return { id, nextOffset, time, bytes: 1 }
}

function statesOn(disks: MemoryDisk[], crash: CrashPoint): ReplayParts['states'] {
  return {
    openState: async (partition) =>
      crashingState(await MemoryPartitionState.open(disks[partition]), crash),
    peekState: async (partition) => (await MemoryPartitionState.open(disks[partition])).head,
    restoreState: async (partition, files) => {
      const disk = await diskOf(files)
      await crash.effect('restore', async () => void (disks[partition] = disk))
    },
  }
}

/** A log in memory is named after its first record; this one has forgotten its first ones. */
function sameLog(log: RecordSource): RecordSource {
  return wrap(log, {
    open: async (partition, offset) => {
      const reader = await log.open(partition, offset)
      return wrap(reader, { identity: () => Promise.resolve(undefined) })
    },
  })
}
