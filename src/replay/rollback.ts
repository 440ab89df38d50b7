/**
 * A publish taken back: the next generation says again what the one before it said. Owners begin with the states that they kept when
 * they came into the published one, and read on from there, so that what has come since stays counted.
 *
 *     checks -> copies of the files of then -> entry "begins" -> RECORD -> one transaction per table -> entry "done"
 *
 * Only what stands on top can be taken back: what was published after it was built upon it.
 */
import { recordText } from '../core/generation.ts'
import type { GenerationRecord, HandOver } from '../core/generation.ts'
import { readRecords } from '../engine/hand-over.ts'
import { TidemarkError } from '../errors.ts'
import { carryOut, swapsOf } from './carry-out.ts'
import type { CarryOut, OnSwap, TableChange } from './carry-out.ts'
import { checkFiles, handOverBack, refusedRollback } from './check-rollback.ts'
import { finishOthers } from './finish.ts'
import type { AuditStamp } from './plan.ts'
import type { PublicationParts, Swap } from './publication-port.ts'
import type { Replay } from './records.ts'
import { standingGenerations, standingOf } from './standing.ts'
import type { Made } from './standing.ts'

export interface RollbackOptions {
  readonly stamp: AuditStamp
  readonly dryRun: boolean
  /** One that cannot come to its end, since files are gone, ends without those days. */
  readonly abandon?: boolean
  confirm?(preview: RollbackPreview): Promise<boolean>
  readonly onProgress?: OnSwap
}

export interface RollbackPreview {
  readonly replay: Replay
  /** What is taken back, and the generation that does it. */
  readonly published: number
  readonly generation: number
  readonly handOver: HandOver
  readonly tables: readonly {
    readonly table: string
    readonly files: number
    readonly rows: number
  }[]
  /** The definitions of the views are not those of the published generation: the pipeline file has to say what it said before. */
  readonly definitionsChange: boolean
}

export type RollbackOutcome =
  | {
      readonly kind: 'rolled back' | 'finished'
      readonly replay: string
      readonly generation: number
      readonly published: number
      readonly tables: readonly TableChange[]
      readonly definitionsChange: boolean
    }
  | { readonly kind: 'rolled back before'; readonly replay: string; readonly generation: number }
  | { readonly kind: 'dry run'; readonly preview: RollbackPreview }
  | { readonly kind: 'declined' }

interface Target {
  readonly made: Made
  readonly record: GenerationRecord
  /** The content that comes back. */
  readonly before: GenerationRecord
}

/** @param id undefined: the newest publish. @throws USAGE, REPLAY_REFUSED with the reason and the way on; TABLE_*, CHECKPOINT_* */
export async function rollBack(
  parts: PublicationParts,
  id: string | undefined,
  options: RollbackOptions,
): Promise<RollbackOutcome> {
  for (;;) {
    const records = await readRecords(parts.generations)
    const before = await begun(parts, { id, records }, options)
    if (before !== undefined) return before
    const target = targetOf(records, id)
    const replay = await parts.replays.get(target.made.replay)
    const handOver = await handOverBack(parts, target.made, records)
    const generation = (records.at(-1)?.generation ?? 0) + 1
    const { handOver: _, ...content } = target.before
    const work = {
      made: { generation, did: 'rollback', replay: replay.plan.id } as const,
      replay,
      records,
      record: { ...content, generation, handOver },
      onProgress: options.onProgress,
    }
    const swaps = await swapsOf(parts, work)
    await checkFiles(target.made, swaps)
    const preview = previewOf(work, target, swaps)
    if (options.dryRun) return { kind: 'dry run', preview }
    if (options.confirm && !(await options.confirm(preview))) return { kind: 'declined' }
    const tables = await takeBack(parts, work, { swaps, preview, stamp: options.stamp })
    if (tables !== undefined) {
      const { published, definitionsChange } = preview
      return {
        kind: 'rolled back',
        replay: replay.plan.id,
        generation,
        published,
        tables,
        definitionsChange,
      }
    }
  }
}

/** Undefined: another generation came in between. */
async function takeBack(
  parts: PublicationParts,
  work: CarryOut,
  how: {
    readonly swaps: readonly Swap[]
    readonly preview: RollbackPreview
    readonly stamp: AuditStamp
  },
): Promise<TableChange[] | undefined> {
  const { made, record } = work
  const { swaps, stamp } = how
  for (const swap of swaps) await swap.prepare()
  const versions = await parts.tables.versions(swaps.map(({ table }) => table))
  const { published } = how.preview
  await parts.replays.audit(made.replay, {
    ...stamp,
    did: 'rollback',
    generation: made.generation,
    details: { phase: 'begins', published, handOver: record.handOver, versions },
  })
  const text = recordText(record)
  if ((await parts.generations.put(record.generation, text)) === text)
    return carryOut(parts, work, { swaps, stamp })
  for (const swap of swaps) await swap.discard()
  return undefined
}

/** What stands already, carried out; undefined: there is something to take back. */
async function begun(
  parts: PublicationParts,
  {
    id,
    records,
  }: { readonly id: string | undefined; readonly records: readonly GenerationRecord[] },
  { dryRun, abandon = false, stamp, onProgress }: RollbackOptions,
): Promise<RollbackOutcome | undefined> {
  const finished = dryRun
    ? []
    : await finishOthers(parts, records, { stamp, abandon, ...(onProgress ? { onProgress } : {}) })
  const own = finished.findLast(({ made }) => made.did === 'rollback')
  const newest = records.at(-1)
  if (
    own &&
    own.made.generation === newest?.generation &&
    (id ?? own.made.replay) === own.made.replay
  ) {
    const { generation, replay } = own.made
    const standing = standingOf(await parts.replays.get(replay), records)
    const published = standing.kind === 'rolled back' ? standing.published : generation - 1
    return {
      kind: 'finished',
      replay,
      generation,
      published,
      tables: own.tables,
      definitionsChange: definitionsChange(records, published),
    }
  }
  if (id === undefined) return undefined
  const standing = standingOf(await parts.replays.get(id), records)
  return standing.kind === 'rolled back'
    ? { kind: 'rolled back before', replay: id, generation: standing.generation }
    : undefined
}

/** @throws USAGE, REPLAY_REFUSED */
function targetOf(records: readonly GenerationRecord[], id: string | undefined): Target {
  const standing = standingGenerations(records)
  const at = standing.findLastIndex(({ made }) =>
    id === undefined ? made !== undefined : made?.replay === id,
  )
  const found = standing[at]
  const before = standing[at - 1]
  if (found?.made === undefined || before === undefined) {
    const what = id === undefined ? 'no replay is published' : `replay ${id} is not published`
    throw new TidemarkError(
      'USAGE',
      `${what}: there is nothing to take back. \`tidemark replay list\` shows all`,
    )
  }
  const [next] = standing.slice(at + 1)
  if (next === undefined) return { made: found.made, record: found.record, before: before.record }
  const { generation } = next.record
  throw refusedRollback(
    found.made,
    next.made
      ? `generation ${generation}, replay ${next.made.replay}, was published after it and stands upon it. Take that back first: \`tidemark replay rollback ${next.made.replay}\``
      : `generation ${generation} came after it, with columns that were added to the pipeline file: its definitions stand upon it. Replay the days with a corrected definition instead: \`tidemark replay plan\``,
  )
}

function previewOf(
  { made, replay, record, records }: CarryOut,
  target: Target,
  swaps: readonly Swap[],
): RollbackPreview {
  return {
    replay,
    published: target.made.generation,
    generation: made.generation,
    handOver: record.handOver as HandOver,
    tables: swaps.map(({ table, files, rows }) => ({ table, files, rows })),
    definitionsChange: definitionsChange(records, target.made.generation),
  }
}

/** Whether the pipeline file has to be another one before that generation. */
function definitionsChange(records: readonly GenerationRecord[], published: number): boolean {
  const [before, after] = standingGenerations(
    records.filter(({ generation }) => generation <= published),
  ).slice(-2)
  const meaning = (record: GenerationRecord | undefined): string =>
    JSON.stringify([
      record?.policy,
      record?.views.map(({ name, version, hash }) => [name, version, hash]),
    ])
  return meaning(before?.record) !== meaning(after?.record)
}
