/**
 * What checkpoints cost: how long the fold stops for one, what the first and a later one store, and how fast one becomes a
 * state again, beside the disk's own copying of the same directory. One partition with `--events` entities; the store is a
 * directory on the same disk, and everything is in the system's cache.
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { createCheckpointStore } from '../src/checkpoint/checkpoint-store.ts'
import type { KeptCheckpoints } from '../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../src/checkpoint/failure.ts'
import { stateDirectory } from '../src/cli/compose.ts'
import { systemClock } from '../src/cli/system-clock.ts'
import type { Pipeline } from '../src/core/definition.ts'
import type { Checkpoint } from '../src/engine/checkpoint-port.ts'
import type { PartitionState, StateCommit } from '../src/engine/ports.ts'
import { invariant } from '../src/errors.ts'
import { restoreState } from '../src/leveldb/restore.ts'
import { LevelPartitionState } from '../src/leveldb/state.ts'
import { DirectoryStorage } from '../src/storage/directory-storage.ts'
import type { Bench, BenchOptions } from './bench.ts'
import { QUIET, benchPipeline, inPlace, runToEnd } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { createRandom } from './random.ts'
import { DAY_START_MS, HOUR_MS, append, someUsers, users } from './users.ts'

const MIB = 2 ** 20
const SNAPSHOTS = 20
const COMMIT_ENTITIES = 5_000

export const checkpoints: Bench = {
  about: 'snapshots, checkpoints and restores of one partition; count and time are of entities',
  unit: 'entities',
  events: 1_000_000,
  cases: [
    { name: 'snapshot between commits', run: inState(measureSnapshots) },
    { name: 'first checkpoint', run: inState(measureFirst) },
    { name: 'a tenth of the entities later', run: inState(measureLater) },
    { name: 'restore', run: inState(measureRestore) },
    { name: 'cp -r and sync', isLimit: true, run: inState(measureCopy) },
  ],
}

interface Place {
  readonly entities: number
  readonly log: string
  readonly place: string
  readonly pipeline: Pipeline
  /** Of the partition's state. */
  readonly directory: string
}

function inState(work: (place: Place) => Promise<Measured>) {
  return ({ events: entities }: BenchOptions): Promise<Measured> =>
    inPlace(async (place) => {
      const log = path.join(place, 'log')
      await mkdir(log)
      const whole = await benchPipeline({ encoding: 'json', log, place, slots: 4 })
      const pipeline = { ...whole, sinks: {} }
      await append(log, users(entities, DAY_START_MS + HOUR_MS))
      await runToEnd(pipeline)
      return work({ entities, log, place, pipeline, directory: stateDirectory(pipeline, 0) })
    })
}

/** Each after a commit, so that tables are being written and merged meanwhile. */
async function measureSnapshots({ entities, directory }: Place): Promise<Measured> {
  await using state = await LevelPartitionState.open(directory)
  const stops: number[] = []
  let after: string | undefined
  let slot = 0
  const measured = await measure(async () => {
    for (let i = 0; i < SNAPSHOTS; i += 1) {
      const { commit, last } = await rewriteOf(state, slot, after)
      after = last
      if (last === undefined) slot = (slot + 1) % 4
      await state.commit(commit)
      const startMs = performance.now()
      const snapshot = await state.snapshot()
      stops.push(performance.now() - startMs)
      await snapshot[Symbol.asyncDispose]()
    }
    return { count: entities }
  })
  stops.sort((a, b) => a - b)
  const median = stops[SNAPSHOTS / 2] ?? NaN
  const seconds = stops.reduce((sum, ms) => sum + ms, 0) / 1_000
  const notes = { snapshots: SNAPSHOTS, 'median, ms': median, 'longest, ms': stops.at(-1) ?? NaN }
  return { ...measured, seconds, notes }
}

/** The same tiles again: to the store they are new. */
async function rewriteOf(
  state: PartitionState,
  slot: number,
  after: string | undefined,
): Promise<{ readonly commit: StateCommit; readonly last: string | undefined }> {
  const { head } = state
  invariant(head, 'the state has a commit')
  const found = await state.scan(0, slot, after, COMMIT_ENTITIES)
  const tiles = found.flatMap(({ entity, offset, tiles: own }) =>
    own.map(({ day, bytes }) => ({ view: 0, slot, entity, day, offset, bytes: bytes.slice() })),
  )
  const commit = { head, tiles, ids: [], milestones: [], dirty: new Map(), cleared: [] }
  return { commit, last: found.length < COMMIT_ENTITIES ? undefined : found.at(-1)?.entity }
}

async function measureFirst(place: Place): Promise<Measured> {
  const store = openStore(place)
  return measureStored(place.entities, () => writeNow(store, place))
}

async function measureLater(place: Place): Promise<Measured> {
  const { entities, log, pipeline } = place
  const store = openStore(place)
  await writeNow(store, place)
  await append(log, someUsers(entities / 10, entities, createRandom(1)))
  await runToEnd(pipeline)
  return measureStored(entities, () => writeNow(store, place))
}

async function measureStored(count: number, write: () => Promise<Checkpoint>): Promise<Measured> {
  return measure(async () => {
    const { files, bytesAdded } = await write()
    return { count, notes: { files: files.length, 'MiB stored': bytesAdded / MIB } }
  })
}

async function measureRestore(place: Place): Promise<Measured> {
  const { entities, directory, pipeline } = place
  const store = openStore(place)
  const checkpoint = await writeNow(store, place)
  await rm(directory, { recursive: true })
  return measure(async () => {
    const files = store.read(checkpoint)
    await restoreState({ directory, files, pipeline: pipeline.name, partition: 0 })
    await using state = await LevelPartitionState.open(directory)
    invariant(state.head?.nextOffset === checkpoint.head.nextOffset, 'the state is back')
    return { count: entities, notes: { MiB: sizeOf(checkpoint) / MIB } }
  })
}

async function measureCopy({ entities, directory, place }: Place): Promise<Measured> {
  const run = promisify(execFile)
  await run('sync')
  return measure(async () => {
    const copy = path.join(place, 'copied')
    await run('sh', ['-c', 'cp -r "$0" "$1" && sync -f "$1"', directory, copy])
    return { count: entities }
  })
}

function openStore({ place, pipeline }: Place): KeptCheckpoints {
  return createCheckpointStore({
    storage: new DirectoryStorage(path.join(place, 'checkpoints'), CHECKPOINT_FAULTS),
    pipeline: pipeline.name,
    policy: { keep: 2, keepForMs: 0 },
    clock: systemClock,
    log: QUIET,
    newId: randomUUID,
  })
}

async function writeNow(store: KeptCheckpoints, { directory }: Place): Promise<Checkpoint> {
  await using state = await LevelPartitionState.open(directory)
  await using snapshot = await state.snapshot()
  return await store.write(snapshot, 'bench')
}

function sizeOf({ files }: Checkpoint): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}
