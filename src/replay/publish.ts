/**
 * A replay becomes what everybody sees: the next generation.
 *
 *     checks, gates -> copies -> entry "begins" -> RECORD (put if absent) -> one transaction per table -> entry "done"
 *
 * The record is the point of no return. Killed before it, nothing has happened; killed after it, whoever publishes, takes back or asks
 * next carries it out. Of two publishers at once one gets the number, and the other one checks again and takes the next.
 */
import type { GenerationRecord, HandOver } from '../core/generation.ts'
import { recordText } from '../core/generation.ts'
import { readRecords } from '../engine/hand-over.ts'
import { replayPlace } from '../engine/hand-over-port.ts'
import { invariant } from '../errors.ts'
import { checkPublishable, refusedPublish } from './check-publish.ts'
import { carryOut, resetPartitions, swapsOf } from './carry-out.ts'
import type { CarryOut, OnSwap, TableChange } from './carry-out.ts'
import type { GateResult } from './gates.ts'
import { finishOthers } from './finish.ts'
import type { AuditStamp } from './plan.ts'
import type { PublicationParts, Swap } from './publication-port.ts'
import type { Replay, ReplayResult } from './records.ts'
import { standingOf } from './standing.ts'
import type { Made } from './standing.ts'
import { titlesOf } from './table-names.ts'

export interface PublishOptions {
  readonly stamp: AuditStamp
  /** Publishes although a gate failed; recorded. */
  readonly force: boolean
  /** Checks, gates, and what would change; nothing is written. */
  readonly dryRun: boolean
  /** One that cannot come to its end, since files are gone, ends without those days. */
  readonly abandon?: boolean
  /** What `validate` of the views says of the days as they would be. */
  gates(replay: Replay): Promise<readonly GateResult[]>
  /** Asked last, before anything happens; false: nothing happens. */
  confirm?(preview: PublishPreview): Promise<boolean>
  readonly onProgress?: OnSwap
}

export interface PublishPreview {
  readonly replay: Replay
  readonly generation: number
  readonly handOver: HandOver['kind']
  readonly gates: readonly GateResult[]
  readonly tables: readonly {
    readonly table: string
    readonly files: number
    readonly rows: number
  }[]
}

export type PublishOutcome =
  | {
      readonly kind: 'published'
      readonly generation: number
      readonly gates: readonly GateResult[]
      readonly tables: readonly TableChange[]
    }
  /** An earlier call had put the record; this one carried it out. */
  | {
      readonly kind: 'finished'
      readonly generation: number
      readonly tables: readonly TableChange[]
    }
  | { readonly kind: 'published before'; readonly generation: number }
  | { readonly kind: 'dry run'; readonly preview: PublishPreview }
  | { readonly kind: 'declined' }

/** @throws USAGE, REPLAY_REFUSED with the reason and the way on; TABLE_*, CHECKPOINT_* */
export async function publishReplay(
  parts: PublicationParts,
  id: string,
  options: PublishOptions,
): Promise<PublishOutcome> {
  for (;;) {
    const records = await readRecords(parts.generations)
    const before = await begun(parts, { id, records }, options)
    if (before !== undefined) return before
    const replay = await parts.replays.get(id)
    const work = { ...nextWork(replay, records), onProgress: options.onProgress }
    const result = await checkPublishable(parts, work)
    const gates = await options.gates(replay)
    await checkGatesPassed(parts, work, { gates, options })
    const swaps = await swapsOf(parts, work)
    const preview = previewOf(work, gates, swaps)
    if (options.dryRun) return { kind: 'dry run', preview }
    if (options.confirm && !(await options.confirm(preview))) return { kind: 'declined' }
    for (const swap of swaps) await swap.prepare()
    const versions = await parts.tables.versions(swaps.map(({ table }) => table))
    await parts.replays.audit(id, {
      ...options.stamp,
      did: 'publish',
      generation: work.made.generation,
      details: {
        phase: 'begins',
        ...auditDetails(work, result),
        versions,
        gates,
        forced: options.force && gates.some(({ passed }) => !passed),
      },
    })
    if (await putRecord(parts, work.record)) {
      const tables = await carryOut(parts, work, { swaps, stamp: options.stamp })
      return { kind: 'published', generation: work.made.generation, gates, tables }
    }
    for (const swap of swaps) await swap.discard()
  }
}

/** What stands already, carried out; undefined: this one is still to be published. */
async function begun(
  parts: PublicationParts,
  { id, records }: { readonly id: string; readonly records: readonly GenerationRecord[] },
  { dryRun, abandon = false, stamp, onProgress }: PublishOptions,
): Promise<PublishOutcome | undefined> {
  const replay = await parts.replays.get(id)
  const finished = dryRun
    ? []
    : await finishOthers(parts, records, { stamp, abandon, ...(onProgress ? { onProgress } : {}) })
  const standing = standingOf(replay, records)
  if (standing.kind !== 'published') return undefined
  const { generation } = standing
  const own = finished.find(({ made }) => made.generation === generation)
  if (own === undefined) return { kind: 'published before', generation }
  return { kind: 'finished', generation, tables: own.tables }
}

function nextWork(
  replay: Replay,
  records: readonly GenerationRecord[],
): Omit<CarryOut, 'onProgress'> {
  const { plan } = replay
  const newest = records.at(-1)
  if (newest === undefined)
    throw refusedPublish(plan.id, 'there is no generation that it could follow')
  const made: Made = { generation: newest.generation + 1, did: 'publish', replay: plan.id }
  const { generation } = made
  const record = { ...plan.record, generation, handOver: handOverOf(replay, records) }
  return { made, replay, records, record }
}

function handOverOf(replay: Replay, records: readonly GenerationRecord[]): HandOver {
  const { plan, result } = replay
  const by = { did: 'publish', replay: plan.id } as const
  if (!plan.handsOver) return { kind: 'own', days: plan.staged, ...limitsOf(replay), by }
  const reset = [...resetPartitions(replay, records).keys()]
  return {
    kind: 'states',
    place: replayPlace(plan.id),
    partitions: (result?.partitions ?? []).map(({ partition, offset }) => ({ partition, offset })),
    ...(reset.length > 0 ? { forgetsDays: reset } : {}),
    by,
  }
}

/** What of the staged days stays with its owners. */
function limitsOf({
  plan,
  result,
}: Replay): Pick<Extract<HandOver, { kind: 'own' }>, 'closed' | 'views'> {
  const closed = plan.partitions.flatMap(({ partition }) => {
    const own = result?.partitions.find((each) => each.partition === partition)
    const day = own?.closedDay ?? plan.staged.first - 1
    return day < plan.staged.last ? [{ partition, day }] : []
  })
  const isAll = titlesOf(plan.record).every((title) => plan.views.includes(title))
  return {
    ...(closed.length > 0 ? { closed } : {}),
    ...(isAll ? {} : { views: plan.views }),
  }
}

/** @throws REPLAY_REFUSED, once that is in the trail */
async function checkGatesPassed(
  { replays }: PublicationParts,
  { replay: { plan } }: Pick<CarryOut, 'replay'>,
  { gates, options }: { readonly gates: readonly GateResult[]; readonly options: PublishOptions },
): Promise<void> {
  const failed = gates.filter(({ passed }) => !passed)
  if (failed.length === 0 || options.force || options.dryRun) return
  await replays.audit(plan.id, {
    ...options.stamp,
    did: 'publish',
    details: { phase: 'refused', gates },
  })
  const lines = failed.slice(0, 10).map(({ message }) => `  ${message}`)
  const more = failed.length > lines.length ? `\n  and ${failed.length - lines.length} more` : ''
  throw refusedPublish(
    plan.id,
    `${failed.length} of ${gates.length} gates failed:\n${lines.join('\n')}${more}\nLook at \`tidemark replay diff ${plan.id}\`; --force publishes all the same, and is recorded`,
    { gates: failed },
  )
}

function previewOf(
  { replay, made, record }: Omit<CarryOut, 'onProgress'>,
  gates: readonly GateResult[],
  swaps: readonly Swap[],
): PublishPreview {
  invariant(record.handOver, 'a publish hands over')
  return {
    replay,
    generation: made.generation,
    handOver: record.handOver.kind,
    gates,
    tables: swaps.map(({ table, files, rows }) => ({ table, files, rows })),
  }
}

/** False: another publisher has the number. */
async function putRecord(
  { generations }: PublicationParts,
  record: GenerationRecord,
): Promise<boolean> {
  const text = recordText(record)
  return (await generations.put(record.generation, text)) === text
}

function auditDetails(
  { replay: { plan }, record }: Omit<CarryOut, 'onProgress'>,
  result: ReplayResult,
): Readonly<Record<string, unknown>> {
  return {
    base: plan.base,
    range: plan.range,
    staged: plan.staged,
    handOver: record.handOver?.kind,
    definitions: Object.fromEntries(
      record.views.map(({ name, version, hash }) => [`${name}@${version}`, hash]),
    ),
    source: plan.source,
    positions: result.partitions.map(({ partition, offset, records, closedDay }) => ({
      partition,
      from: plan.partitions.find((each) => each.partition === partition)?.start.offset,
      to: offset,
      records,
      closedDay,
    })),
    checksums: Object.fromEntries(result.tables.map(({ name, checksum }) => [name, checksum])),
  }
}
