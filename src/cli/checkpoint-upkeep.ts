/** What checkpoints there are, whether they are whole, and the end of old ones. All of it works beside a run. */
import type { KeptCheckpoints } from '../checkpoint/checkpoint-store.ts'
import type { Checkpoint } from '../engine/checkpoint-port.ts'
import type { Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import type { Call } from './command.ts'
import { OpenedParts } from './compose.ts'
import { openCheckpoints } from './open-checkpoints.ts'
import { bytesWords, countWords, durationWords, instantOrNull, plural } from './words.ts'

export interface PartitionOption {
  readonly partition?: number
}

export interface VerifyOptions extends PartitionOption {
  readonly id?: string
  readonly discard?: true
}

/** @throws USAGE where the pipeline keeps none */
export async function existingCheckpoints(
  call: Call<unknown>,
  pipeline: Pipeline,
  opened: OpenedParts,
): Promise<KeptCheckpoints> {
  const checkpoints = await openCheckpoints(pipeline, call)
  if (checkpoints) return opened.add(checkpoints).store
  throw new TidemarkError(
    'USAGE',
    `${pipeline.name} keeps no checkpoints. Name a place for them in the pipeline file: \`checkpoints: { store: ./checkpoints }\`, or \`s3://BUCKET/PREFIX\``,
  )
}

export async function listCheckpoints(call: Call<PartitionOption>): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const store = await existingCheckpoints(call, pipeline, opened)
  const found: Checkpoint[] = []
  for (const partition of await partitionsOf(store, call.options))
    found.push(...(await store.list(partition)))
  const { json, out, clock } = call
  if (json) {
    out.json({ location: store.location, checkpoints: found.map(checkpointData) })
  } else if (found.length === 0) {
    out.line(`no checkpoint in ${store.location} yet`)
  } else {
    const head = ['PARTITION', 'ID', 'GENERATION', 'OFFSET', 'AGE', 'SIZE', 'FILES', 'ADDED']
    out.table(
      head,
      found.map((each) => checkpointRow(each, clock.wallMs())),
    )
  }
}

export function checkpointData(checkpoint: Checkpoint): object {
  const { id, partition, head, createdMs, run, files, bytesAdded } = checkpoint
  const { generation, nextOffset: offset } = head
  const created = instantOrNull(createdMs)
  const bytes = sizeOf(checkpoint)
  return { id, partition, generation, offset, created, run, files: files.length, bytes, bytesAdded }
}

export function sizeOf({ files }: Checkpoint): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

function checkpointRow(checkpoint: Checkpoint, nowMs: number): string[] {
  const { id, partition, head, createdMs, files, bytesAdded } = checkpoint
  return [
    String(partition),
    id,
    String(head.generation),
    countWords(head.nextOffset),
    durationWords(Math.max(0, nowMs - createdMs)),
    bytesWords(sizeOf(checkpoint)),
    String(files.length),
    bytesWords(bytesAdded),
  ]
}

interface Verified {
  readonly id: string
  readonly partition: number
  /** Null: whole. */
  readonly damage: string | null
  readonly discarded: boolean
}

export async function verifyCheckpoints(call: Call<VerifyOptions>): Promise<void> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const store = await existingCheckpoints(call, pipeline, opened)
  using progress = call.progress('verify')
  const { id, discard } = call.options
  const all: Verified[] = []
  const partitions = await partitionsOf(store, call.options)
  for (const [nth, partition] of partitions.entries()) {
    const chosen = (await store.examine(partition)).filter(
      (each) => id === undefined || each.id === id,
    )
    for (const [index, each] of chosen.entries()) {
      if (interrupt.signal.aborted) break
      const { checkpoint, why } = each
      const damage = checkpoint ? await store.damageOf(checkpoint) : why
      const discarded = damage !== undefined && discard === true
      if (discarded) await store.discard(partition, each.id)
      all.push({ id: each.id, partition, damage: damage ?? null, discarded })
      progress.update(nth + (index + 1) / chosen.length, partitions.length, each.id)
    }
  }
  if (id !== undefined && all.length === 0) throw noSuchCheckpoint(store, id)
  tellVerified(call, all, interrupt.signal.aborted)
}

function tellVerified(call: Call<unknown>, all: readonly Verified[], stopped: boolean): void {
  const { json, out, tell } = call
  const damaged = all.filter(({ damage }) => damage !== null)
  if (json) out.json({ stopped, checkpoints: all })
  else {
    for (const { id, partition, damage, discarded } of damaged)
      out.line(
        `partition ${partition}: ${id} ${discarded ? 'was discarded' : 'is damaged'}: ${damage ?? ''}`,
      )
    const whole = all.length - damaged.length
    out.line(`${plural(whole, 'checkpoint')} whole, ${countWords(damaged.length)} damaged`)
  }
  if (stopped) tell('stopped before all were read')
  if (damaged.some(({ discarded }) => !discarded)) {
    tell(
      'a run passes over what is damaged; `tidemark checkpoint verify --discard` makes the next one store anew what only they hold',
    )
  }
  if (damaged.length > 0 || stopped) call.fail(1)
}

export function noSuchCheckpoint({ location }: KeptCheckpoints, id: string): TidemarkError {
  return new TidemarkError(
    'USAGE',
    `there is no checkpoint ${id} in ${location}. \`tidemark checkpoint list\` shows all`,
  )
}

export async function pruneCheckpoints(call: Call<PartitionOption>): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const store = await existingCheckpoints(call, pipeline, opened)
  using progress = call.progress('prune')
  const partitions = await partitionsOf(store, call.options)
  const sum = { checkpoints: 0, files: 0, bytes: 0 }
  for (const [index, partition] of partitions.entries()) {
    const pruned = await store.prune(partition)
    sum.checkpoints += pruned.checkpoints
    sum.files += pruned.files
    sum.bytes += pruned.bytes
    progress.update(index + 1, partitions.length, `partition ${partition}`)
  }
  if (call.json) call.out.json(sum)
  else {
    call.out.line(
      `gave up ${plural(sum.checkpoints, 'checkpoint')}, deleted ${plural(sum.files, 'file')} (${bytesWords(sum.bytes)})`,
    )
  }
  if (sum.checkpoints > 0)
    call.tell('files of what was given up are deleted by a later prune, after an hour')
}

async function partitionsOf(
  store: KeptCheckpoints,
  { partition }: PartitionOption,
): Promise<number[]> {
  return partition === undefined ? store.partitions() : [partition]
}
