/** A plan whose records come from an archive: whether its files hold all that is to be read, and what it means for the plan. Pure. */
import type { ArchiveSelection } from '../engine/archive-port.ts'
import { TidemarkError } from '../errors.ts'
import type { PartitionReplay, ReplayPlan } from './plan.ts'

export interface SelectedArchive {
  readonly selection: ArchiveSelection
  /** Those that its files have records of. */
  readonly partitions: readonly ArchivedPartition[]
  /** What the log still has, by partition; undefined: it is not read any more. */
  readonly log: readonly { readonly start: number; readonly end: number }[] | undefined
  /** The log can be read on from any offset. */
  readonly readsOn: boolean
}

export interface ArchivedPartition {
  readonly partition: number
  readonly start: number
  readonly end: number
  readonly records: number
  readonly gaps: readonly OffsetRange[]
}

interface OffsetRange {
  readonly from: number
  readonly to: number
}

/** @throws REPLAY_REFUSED where offsets are missing that are to be read, and it was not said that this is wanted all the same */
export function settleArchive(
  plan: ReplayPlan,
  archive: SelectedArchive,
  allowIncomplete: boolean,
): ReplayPlan {
  if (!archive.selection.hasPositions) return ofItsOwn(plan, archive)
  const places = plan.partitions.map((partition) => ({ partition, ...cover(partition, archive) }))
  const missing = places.flatMap(({ partition: { partition }, gaps }) =>
    gaps.map(({ from, to }) => `  partition ${partition}: offsets ${from} to ${to - 1}`),
  )
  if (missing.length > 0 && !allowIncomplete)
    throw refused(
      `records that the replay has to read are neither in the archive ${archive.selection.location} nor in the log after it; files are missing, or its directories are of other days than their records:\n` +
        `${missing.slice(0, 10).join('\n')}${missing.length > 10 ? `\n  and ${missing.length - 10} more` : ''}\n` +
        'Nothing was planned. Bring the files back, or --allow-incomplete, which counts what there is',
    )
  return {
    ...plan,
    source: {
      kind: 'archive',
      ...archive.selection,
      readsOn: places.some(({ readsOn }) => readsOn),
    },
    partitions: places.map(({ partition, records }) => ({ ...partition, records })),
    incomplete: plan.incomplete || missing.length > 0,
  }
}

interface Cover {
  readonly gaps: readonly OffsetRange[]
  readonly readsOn: boolean
  readonly records: number
}

/** What of a partition's offsets the archive has, what the log gives after it, and what neither has. */
function cover(
  { partition, start: { offset: from }, stop }: PartitionReplay,
  { partitions, log, readsOn: mayReadOn }: SelectedArchive,
): Cover {
  const found = partitions.find((each) => each.partition === partition)
  const span = log?.[partition] ?? { start: 0, end: 0 }
  // A partition without a file may have been empty.
  const archived = found ?? { start: from, end: from, gaps: [], records: 0 }
  const to = stop ?? Math.max(span.end, archived.end)
  const gaps = archived.gaps.filter((gap) => gap.to > from && gap.from < to)
  if (archived.start > from) gaps.unshift({ from, to: Math.min(to, archived.start) })
  const readsOn = to > archived.end && span.end > archived.end && mayReadOn
  const next = readsOn ? Math.max(archived.end, span.start) : to
  if (next > archived.end) gaps.push({ from: archived.end, to: Math.min(to, next) })
  const inside = Math.min(to, archived.end) - Math.max(from, archived.start)
  const share = inside <= 0 ? 0 : inside / Math.max(1, archived.end - archived.start)
  const records = Math.round(archived.records * share) + (readsOn ? Math.max(0, to - next) : 0)
  return { gaps, readsOn, records }
}

/**
 * Rows without positions are a log of their own: read from their beginning into one partition, never handed over. Their days say that
 * they are not whole, and owners that still write them would contradict them.
 */
function ofItsOwn(plan: ReplayPlan, { selection, partitions }: SelectedArchive): ReplayPlan {
  const what = `the rows of ${selection.location} carry no partition, offset and timestamp, so they are a log of their own`
  const segments = plan.record.segments.length
  if (segments !== 1)
    throw refused(
      `${what}, of one partition, and the pipeline has ${segments}: an entity would have rows in two. Give the rows _partition, _offset and _timestamp, or name the columns that are these: --archive-columns _offset=COLUMN,...`,
    )
  if (plan.handsOver)
    throw refused(
      `${what}, and no state of it can be continued from the topic. Rows of these days may still be written by the running consumer. Choose days that are final (--days A..B), or give the rows _partition, _offset and _timestamp`,
    )
  const records = partitions.reduce((sum, each) => sum + each.records, 0)
  return {
    ...plan,
    source: { kind: 'archive', ...selection, readsOn: false },
    partitions: [{ partition: 0, start: { kind: 'origin', offset: 0 }, stop: undefined, records }],
    incomplete: true,
  }
}

function refused(message: string): TidemarkError {
  return new TidemarkError('REPLAY_REFUSED', message)
}
