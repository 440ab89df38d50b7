/**
 * `--archive`: an archive of raw events in place of the log, or before what the log still has. `planArchive` finds out what it holds and,
 * once a replay is planned, which of its files it takes; `openArchive` opens those, as a log, for the run.
 */
import { Archive } from '../archive/archive.ts'
import type { ArchiveExtent } from '../archive/archive.ts'
import { archiveDecoder } from '../archive/archive-decoder.ts'
import { ArchiveSource } from '../archive/archive-source.ts'
import {
  archiveColumns,
  eventTimeColumn,
  parseColumnNames,
  pipelineOf,
} from '../archive/pipeline-of.ts'
import { DAY_MS } from '../core/day.ts'
import type { Pipeline, StorageLocation } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { planViews } from '../core/view-plan.ts'
import { LOCATION_RULE, parseLocation } from '../definition/storage-location.ts'
import type { S3Connection } from '../definition/storage-location.ts'
import type { DuckDb } from '../duckdb/database.ts'
import { readRecords } from '../engine/hand-over.ts'
import type { Decoder, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { LogSpan } from '../replay/knowledge.ts'
import { settleArchive } from '../replay/settle-archive.ts'
import type { ArchiveReplaySource, ReplayPlan } from '../replay/plan.ts'
import type { StorageFaults } from '../storage/failure.ts'
import { archiveFormats } from './archive-formats.ts'
import type { Call } from './command.ts'
import { openDecoder, openSource, topicOf } from './compose.ts'
import type { OpenedParts, Surroundings } from './compose.ts'
import { spansOfLog } from './log-spans.ts'
import type { LogSpans } from './log-spans.ts'
import type { OpenReplays } from './open-replays.ts'
import { openStorage } from './open-storage.ts'

const ARCHIVE_FAULTS: StorageFaults = {
  what: 'archive',
  unavailable: 'SOURCE_UNAVAILABLE',
  refused: 'SOURCE_UNREADABLE',
}

export interface ArchiveOptions {
  readonly archive?: string
  readonly archiveColumns?: string
}

export interface ArchiveSurroundings extends Surroundings {
  readonly opened: OpenedParts
  readonly database: DuckDb
}

export interface PlannedArchive {
  /** From where to where it reaches, together with what the log still has. */
  readonly spans: LogSpans
  /** The plan with the files that it needs. @throws REPLAY_REFUSED where some are missing, SOURCE_UNREADABLE */
  settle(plan: ReplayPlan, allowIncomplete: boolean): Promise<ReplayPlan>
}

/** Undefined where no archive was named. @throws USAGE, SOURCE_* */
export async function openPlanArchive(
  call: Pick<Call<ArchiveOptions>, 'options' | 'clock' | 'log' | 'tell'>,
  { pipeline, generations, database }: OpenReplays,
  opened: OpenedParts,
): Promise<PlannedArchive | undefined> {
  const { archive: place, archiveColumns: typed } = call.options
  if (place === undefined) {
    if (typed === undefined) return undefined
    throw new TidemarkError(
      'USAGE',
      '--archive-columns names columns of an archive: give --archive too',
    )
  }
  const names = typed === undefined ? {} : parseColumnNames(typed, pipeline)
  const stored = (await readRecords(generations)).at(-1)
  const log = stored && (await logBehind(pipeline, stored, { ...call, opened }))
  const archive = await Archive.open({
    ...(await openPlace(pipeline, archivePlace(pipeline, place), { opened, database })),
    columns: archiveColumns(pipeline, names),
    names,
    eventTime: eventTimeColumn(pipeline, names),
  })
  const partitions = stored?.segments.length ?? 0
  return {
    spans: joinedSpans(await archive.extent(), log, partitions),
    settle: async (plan, allowIncomplete) => {
      const wanted = plan.partitions.map(({ partition, start, stop }) => {
        return { partition, from: start.offset, to: stop }
      })
      const selected = await archive.select(wanted, neededDays(pipeline, plan))
      pipelineOf(pipeline, selected.selection)
      return settleArchive(plan, { ...selected, log, readsOn: readsOn(pipeline) }, allowIncomplete)
    },
  }
}

/** What the log itself still has; undefined where it is another one, or cannot be read, by now. */
async function logBehind(
  pipeline: Pipeline,
  stored: GenerationRecord,
  {
    clock,
    log,
    tell,
    opened,
  }: Pick<Call<unknown>, 'clock' | 'log' | 'tell'> & { opened: OpenedParts },
): Promise<LogSpans | undefined> {
  const source = opened.add(openSource(pipeline, { clock, log }))
  try {
    const { partitions, identity } = await source.topology()
    const isOther = stored.log !== undefined && identity !== undefined && stored.log !== identity
    if (!isOther && partitions === stored.segments.length) return await spansOfLog(source, clock)
    tell(`${source.topic} is another log than the one that was counted; only the archive is read`)
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retryable) throw error
    tell(`only the archive is read: ${error.message}`)
  }
  return undefined
}

function joinedSpans(
  { hasPositions, partitions: archived, recordBytes = 0 }: ArchiveExtent,
  log: LogSpans | undefined,
  partitions: number,
): LogSpan[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const own = archived.get(hasPositions ? partition : 0)
    const behind = log?.[partition] ?? { start: Infinity, end: 0, unit: 'records', recordBytes }
    if (own === undefined) return { ...behind, start: log === undefined ? 0 : behind.start }
    // A log of its own reaches back as far as anything does; what it holds is found out when its files are chosen.
    const start = hasPositions ? Math.min(own.start, behind.start) : 0
    return { ...behind, start, end: Math.max(own.end, behind.end) }
  })
}

export interface OpenArchive {
  readonly source: RecordSource
  readonly decoder: Decoder
}

/** @param log the pipeline's own; it stays the caller's. @throws SOURCE_* */
export async function openArchive(
  pipeline: Pipeline,
  plan: ReplayPlan & { readonly source: ArchiveReplaySource },
  surroundings: ArchiveSurroundings & { readonly source: RecordSource },
): Promise<OpenArchive> {
  const { source: selection, record } = plan
  const place = archivePlace(pipeline, selection.location)
  const source = new ArchiveSource({
    ...(await openPlace(pipeline, place, surroundings)),
    selection,
    columns: archiveColumns(pipeline, selection.columns),
    topic: topicOf(pipeline),
    partitions: record.segments.length,
    logIdentity: record.log,
    log: selection.readsOn ? surroundings.source : undefined,
  })
  const decoders = {
    own: openDecoder(pipeline, surroundings),
    archived: openDecoder(pipelineOf(pipeline, selection), surroundings),
  }
  return { source, decoder: archiveDecoder((batch) => source.isArchived(batch), decoders) }
}

async function openPlace(
  pipeline: Pipeline,
  place: StorageLocation,
  { opened, database }: Pick<ArchiveSurroundings, 'opened' | 'database'>,
) {
  const storage = opened.add(await openStorage(pipeline, place, ARCHIVE_FAULTS))
  return { storage, formatOf: await archiveFormats(database) }
}

/** A directory, or a place in the S3 that the pipeline uses anyway. @throws USAGE */
function archivePlace(pipeline: Pipeline, typed: string): StorageLocation {
  const known = [pipeline.sinks.offline?.location, pipeline.checkpoints?.location].find(
    (location) => location?.kind === 's3',
  )
  const s3: S3Connection =
    known?.kind === 's3'
      ? {
          pathStyle: known.pathStyle,
          ...(known.endpoint === undefined ? {} : { endpoint: known.endpoint }),
          ...(known.region === undefined ? {} : { region: known.region }),
        }
      : { pathStyle: false }
  const location = parseLocation(typed, { directory: process.cwd(), s3 })
  if (location !== undefined) return location
  throw new TidemarkError('USAGE', `--archive: expected ${LOCATION_RULE}, received ${typed}`)
}

/** Offsets of a file are bytes, which an archive's end does not tell. */
function readsOn({ source }: Pipeline): boolean {
  return source.log.kind === 'kafka'
}

/**
 * Days whose files are looked at first; where they do not cover the offsets that are wanted, more are. A record's directory may be
 * that of its arrival or of its event, so that a few days around are taken too.
 */
function neededDays(
  pipeline: Pipeline,
  plan: ReplayPlan,
): { readonly first: number; readonly last?: number } {
  const { outOfOrdernessMs, allowedLatenessMs, maxFutureMs } = pipeline.time
  const withinMs = pipeline.event.id === undefined ? 0 : pipeline.event.duplicatesWithinMs
  const around =
    Math.ceil((outOfOrdernessMs + allowedLatenessMs + maxFutureMs + withinMs) / DAY_MS) + 1
  const longest = Math.max(...planViews(pipeline).map(({ longestWindow }) => longestWindow))
  const first = plan.staged.first - longest - around
  return plan.handsOver ? { first } : { first, last: plan.range.last + around }
}
