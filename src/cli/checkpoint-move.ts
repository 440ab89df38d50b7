/** From the state of this machine to a checkpoint, and back: how a partition moves without its log being read again. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { KeptCheckpoints } from '../checkpoint/checkpoint-store.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Checkpoint } from '../engine/checkpoint-port.ts'
import type { StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import type { PartitionStateReader } from '../leveldb/readers.ts'
import { restoreState } from '../leveldb/restore.ts'
import { LevelPartitionState } from '../leveldb/state.ts'
import {
  checkpointData,
  existingCheckpoints,
  noSuchCheckpoint,
  sizeOf,
} from './checkpoint-upkeep.ts'
import type { PartitionOption } from './checkpoint-upkeep.ts'
import type { Call } from './command.ts'
import { OpenedParts, peekState, stateDirectory } from './compose.ts'
import type { Progress } from './terminal.ts'
import { bytesWords, countWords } from './words.ts'

export async function createCheckpoints(call: Call<PartitionOption>): Promise<void> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const store = await existingCheckpoints(call, pipeline, opened)
  using progress = call.progress('checkpoint')
  const partitions = localPartitions(pipeline, call.options)
  const created: Checkpoint[] = []
  for (const [index, partition] of partitions.entries()) {
    if (interrupt.signal.aborted) break
    const checkpoint = await createOne(call, store, stateDirectory(pipeline, partition))
    if (checkpoint) created.push(checkpoint)
    progress.update(index + 1, partitions.length, `partition ${partition}`)
  }
  if (call.json) call.out.json({ checkpoints: created.map(checkpointData) })
  else for (const each of created) call.out.line(createdLine(each))
  if (created.length === 0) call.tell('the state has no commit yet: nothing to keep')
}

function createdLine(checkpoint: Checkpoint): string {
  const { id, partition, head, bytesAdded } = checkpoint
  const size = `${bytesWords(sizeOf(checkpoint))}, ${bytesWords(bytesAdded)} of them new`
  return `partition ${partition}: ${id} at offset ${countWords(head.nextOffset)} (${size})`
}

async function createOne(
  { clock }: Call<unknown>,
  store: KeptCheckpoints,
  directory: string,
): Promise<Checkpoint | undefined> {
  await using state = await openHereOrCopy(directory)
  if (state?.head === undefined) return undefined
  await using snapshot = await state.snapshot()
  return await store.write(snapshot, `create-${new Date(clock.wallMs()).toISOString()}`)
}

/** While a run holds the state, what it had committed a moment ago. */
async function openHereOrCopy(directory: string): Promise<PartitionStateReader | undefined> {
  if (!existsSync(path.join(directory, 'CURRENT'))) return undefined
  try {
    return await LevelPartitionState.open(directory)
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'STATE_LOCKED') throw error
    return openStateCopy(directory)
  }
}

/** @throws USAGE where there is no state */
function localPartitions(pipeline: Pipeline, { partition }: PartitionOption): number[] {
  const names = existsSync(pipeline.state) ? readdirSync(pipeline.state) : []
  const found = names.flatMap((name) => {
    const digits = /^partition-(\d+)$/.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
  const chosen = found.filter((each) => partition === undefined || each === partition)
  if (chosen.length > 0) return chosen.sort((a, b) => a - b)
  const what = partition === undefined ? 'state' : `state of partition ${partition}`
  throw new TidemarkError(
    'USAGE',
    `there is no ${what} in ${pipeline.state}. Run this where the pipeline runs`,
  )
}

export interface RestoreOptions {
  readonly partition: number
  readonly id?: string
  readonly force?: true
  readonly keepOld?: true
}

export async function restoreCheckpoint(call: Call<RestoreOptions>): Promise<void> {
  const { options, clock } = call
  const { partition, keepOld } = options
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const store = await existingCheckpoints(call, pipeline, opened)
  const candidates = await candidatesOf(store, options)
  const directory = stateDirectory(pipeline, partition)
  const head = await headHere(pipeline, partition)
  using progress = call.progress(`partition ${partition}`)
  const stamp = new Date(clock.wallMs()).toISOString().replaceAll(/[-:.]/g, '')
  const oldState = keepOld === true ? `${directory}.old-${stamp}` : undefined
  for (const [index, checkpoint] of candidates.entries()) {
    if (options.force !== true) refuseOlder(checkpoint, head)
    try {
      const replaced = await restoreState({
        directory,
        files: watched(store, checkpoint, progress),
        pipeline: pipeline.name,
        partition,
        ...(oldState === undefined ? {} : { keepOldAs: oldState }),
      })
      tellRestored(call, checkpoint, { directory, replaced, oldState })
      return
    } catch (error) {
      const isDamaged = error instanceof TidemarkError && error.code === 'CHECKPOINT_DAMAGED'
      if (!isDamaged || index === candidates.length - 1) throw error
      call.tell(`${error.message}; trying the one before it`)
    }
  }
}

/** @throws USAGE where there is none */
async function candidatesOf(
  store: KeptCheckpoints,
  { partition, id }: RestoreOptions,
): Promise<readonly Checkpoint[]> {
  const listed = await store.list(partition)
  const chosen = listed.filter((each) => id === undefined || each.id === id)
  if (chosen.length > 0) return chosen
  if (id !== undefined) throw noSuchCheckpoint(store, id)
  throw new TidemarkError(
    'USAGE',
    `there is no checkpoint of partition ${partition} in ${store.location}. Without one, \`tidemark run\` builds the state from the log`,
  )
}

/** Undefined where there is no state, or one that cannot be read: it has nothing to lose. */
async function headHere(pipeline: Pipeline, partition: number): Promise<StateHead | undefined> {
  try {
    return await peekState(pipeline, partition)
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'STATE_DAMAGED') return undefined
    throw error
  }
}

function refuseOlder({ id, head }: Checkpoint, here: StateHead | undefined): void {
  if (here === undefined) return
  const isAhead =
    here.generation > head.generation ||
    (here.generation === head.generation && here.nextOffset >= head.nextOffset)
  if (!isAhead) return
  throw new TidemarkError(
    'USAGE',
    `the state on this machine is at offset ${here.nextOffset} of generation ${here.generation}, and checkpoint ${id} at ${head.nextOffset} of ${head.generation}. With --force it is replaced all the same: what lies between is read from the log again`,
  )
}

async function* watched(
  store: KeptCheckpoints,
  checkpoint: Checkpoint,
  progress: Progress,
): AsyncGenerator<{ readonly name: string; readonly bytes: Uint8Array }> {
  const total = sizeOf(checkpoint)
  let done = 0
  for await (const file of store.read(checkpoint)) {
    yield file
    done += file.bytes.length
    progress.update(done, total, `${bytesWords(done)} of ${bytesWords(total)}`)
  }
}

function tellRestored(
  { json, out, tell }: Call<unknown>,
  checkpoint: Checkpoint,
  place: {
    readonly directory: string
    readonly replaced: boolean
    readonly oldState: string | undefined
  },
): void {
  const { directory, replaced } = place
  const oldState = replaced ? place.oldState : undefined
  const { id, partition, head } = checkpoint
  if (json) {
    out.json({ ...checkpointData(checkpoint), directory, replaced, oldState: oldState ?? null })
  } else {
    out.line(
      `partition ${partition}: restored ${id} to ${directory}; the next run reads on at offset ${countWords(head.nextOffset)}`,
    )
  }
  if (oldState !== undefined) tell(`the state that was there is kept in ${oldState}`)
}
