/**
 * What a replay is planned from: where the log begins and ends, and what the newest state of each partition says of its past. That of
 * this machine is read from a copy, so that a run notices nothing; else a checkpoint is restored to the side, else the state that the last
 * hand-over brought.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Pipeline } from '../core/definition.ts'
import { parseSlot } from '../core/dirty-slot.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { Checkpoint, CheckpointStore } from '../engine/checkpoint-port.ts'
import { inheritanceOf, isOutdated, namedStates } from '../engine/hand-over.ts'
import type { Inheritance } from '../engine/hand-over.ts'
import type { HandOvers } from '../engine/hand-over-port.ts'
import type { StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import type { PartitionStateReader } from '../leveldb/readers.ts'
import { restoreState } from '../leveldb/restore.ts'
import { LevelPartitionState } from '../leveldb/state.ts'
import type { KnownCheckpoint, KnownState, PartitionKnowledge } from '../replay/knowledge.ts'
import { presentRegroupedPlace } from '../replay/regrouped-states.ts'
import { stateDirectory } from './compose.ts'
import type { LogSpans } from './log-spans.ts'
import type { TilesComplete } from './tiles-complete.ts'

export interface KnowledgeParts {
  readonly pipeline: Pipeline
  /** All, ascending by generation. */
  readonly records: readonly GenerationRecord[]
  readonly logs: LogSpans
  readonly checkpoints: CheckpointStore | undefined
  readonly handOvers: HandOvers
  readonly tiles: TilesComplete
  /** Called for each partition that is known. */
  readonly onKnown?: (done: number, of: number) => void
}

/** A checkpoint is worth its download where the state here is older by this much event time: another machine goes on with it. */
const STALE_MS = 86_400_000

export async function gatherKnowledge(parts: KnowledgeParts): Promise<PartitionKnowledge[]> {
  const inheritance = inheritanceOf(parts.records)
  const found: PartitionKnowledge[] = []
  for (const [partition, log] of parts.logs.entries()) {
    const kept = await fittingCheckpoints(parts, partition, inheritance)
    const state = await newestState(parts, partition, { inheritance, kept })
    const regrouped = await regroupedStates(parts, partition)
    const checkpoints = [...kept.map((each) => knownCheckpoint(each)), ...regrouped]
    found.push({ partition, log, state, checkpoints })
    parts.onKnown?.(found.length, parts.logs.length)
  }
  return found
}

/** Those that are states of the present generation, the newest first. */
async function fittingCheckpoints(
  { pipeline, records, checkpoints }: KnowledgeParts,
  partition: number,
  inheritance: Inheritance,
): Promise<Checkpoint[]> {
  const stored = records.at(-1)
  if (checkpoints === undefined || stored === undefined) return []
  const all = await checkpoints.list(partition)
  return all.filter(
    ({ head }) =>
      head.pipeline === pipeline.name &&
      head.partitions === stored.segments.length &&
      isOf(stored, head, inheritance),
  )
}

function isOf(stored: GenerationRecord, head: StateHead, inheritance: Inheritance): boolean {
  const origin = stored.segments.find(({ partition }) => partition === head.partition)?.origin
  if (head.generation > stored.generation || isOutdated(head.generation, inheritance)) return false
  const isOtherLog =
    stored.log !== undefined && head.logIdentity !== undefined && head.logIdentity !== stored.log
  return head.origin === origin && !isOtherLog
}

/** Beside the checkpoints: states of the origins that partitions got when some were added. */
async function regroupedStates(
  { records, handOvers }: KnowledgeParts,
  partition: number,
): Promise<KnownCheckpoint[]> {
  const place = presentRegroupedPlace(records)
  if (place === undefined) return []
  const kept = await handOvers.states(place).list(partition)
  return kept.map((each) => ({ ...knownCheckpoint(each), place }))
}

function knownCheckpoint({ id, head, files }: Checkpoint): KnownCheckpoint {
  const bytes = files.reduce((total, file) => total + file.bytes, 0)
  return { id, nextOffset: head.nextOffset, time: head.time, bytes }
}

interface Kept {
  readonly inheritance: Inheritance
  readonly kept: readonly Checkpoint[]
}

async function newestState(
  parts: KnowledgeParts,
  partition: number,
  { inheritance, kept }: Kept,
): Promise<KnownState | undefined> {
  const here = await stateHere(parts, partition, inheritance)
  const { checkpoints } = parts
  const { handedOver } = inheritance
  const better = kept.filter((each) => here === undefined || isStale(here, each))
  const restored = checkpoints && (await fromWhole(parts, { store: checkpoints, kept: better }))
  if (restored !== undefined || here !== undefined || handedOver === undefined)
    return restored ?? here
  const store = parts.handOvers.states(handedOver.place)
  const named = namedStates(handedOver, partition, await store.list(partition))
  const found = await fromWhole(parts, { store, kept: named })
  return found && { ...found, from: 'handed over' }
}

interface Restorable {
  readonly store: CheckpointStore
  /** The newest first. */
  readonly kept: readonly Checkpoint[]
}

/** By the newest that is whole. */
async function fromWhole(
  parts: KnowledgeParts,
  { store, kept }: Restorable,
): Promise<KnownState | undefined> {
  for (const checkpoint of kept) {
    try {
      return await fromCheckpoint(parts, store, checkpoint)
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error
    }
  }
  return undefined
}

function isStale({ head }: KnownState, { head: newest }: Checkpoint): boolean {
  const ageMs = (newest.time.maxEventTime ?? -Infinity) - (head.time.maxEventTime ?? -Infinity)
  return newest.nextOffset > head.nextOffset && ageMs > STALE_MS
}

async function stateHere(
  parts: KnowledgeParts,
  partition: number,
  inheritance: Inheritance,
): Promise<KnownState | undefined> {
  const stored = parts.records.at(-1)
  const copy = await openStateCopy(stateDirectory(parts.pipeline, partition))
  try {
    const head = copy?.head
    if (copy === undefined || head === undefined || stored === undefined) return undefined
    if (head.pipeline !== parts.pipeline.name) throw otherPipeline(parts.pipeline, head)
    return isOf(stored, head, inheritance) ? await describe(parts, copy, 'state') : undefined
  } finally {
    await copy?.[Symbol.asyncDispose]()
  }
}

function otherPipeline({ state, name }: Pipeline, head: StateHead): TidemarkError {
  return new TidemarkError(
    'DEFINITION_CHANGED',
    `${state}: this state is of the pipeline ${head.pipeline}, not of ${name}. Name another state directory`,
  )
}

async function fromCheckpoint(
  parts: KnowledgeParts,
  store: CheckpointStore,
  checkpoint: Checkpoint,
): Promise<KnownState | undefined> {
  const { name: pipeline, state } = parts.pipeline
  const { partition } = checkpoint
  mkdirSync(state, { recursive: true })
  removeLeftOver(state)
  const folder = mkdtempSync(path.join(state, FOLDER))
  try {
    const directory = path.join(folder, 'state')
    await restoreState({ directory, files: store.read(checkpoint), pipeline, partition })
    await using restored = await LevelPartitionState.open(directory)
    return await describe(parts, restored, 'checkpoint')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const FOLDER = '.replay-plan-'
/** No plan takes so long: its process died. */
const LEFT_OVER_MS = 24 * 3_600_000

function removeLeftOver(state: string): void {
  for (const name of readdirSync(state).filter((each) => each.startsWith(FOLDER))) {
    const folder = path.join(state, name)
    const modifiedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (Date.now() - modifiedMs > LEFT_OVER_MS) rmSync(folder, { recursive: true, force: true })
  }
}

async function describe(
  { tiles }: KnowledgeParts,
  state: PartitionStateReader,
  from: KnownState['from'],
): Promise<KnownState | undefined> {
  const { head } = state
  if (head === undefined) return undefined
  const milestones = await state.milestones()
  const dirty = await state.dirtySlots()
  return {
    from,
    head,
    milestones: milestones.sort((a, b) => a.offset - b.offset || a.day - b.day),
    dirty: [...dirty.keys()].map(parseSlot),
    tilesTo: tiles.get(head.partition),
  }
}
