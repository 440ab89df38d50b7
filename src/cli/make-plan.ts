/** From the options of a command line to the plan of a replay: everything is gathered, nothing of the live consumer is touched. */
import process from 'node:process'
import type { Command } from 'commander'
import { createCalendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Amendment, GenerationRecord } from '../core/generation.ts'
import { PARTITIONERS } from '../core/partitioner.ts'
import { planViews } from '../core/view-plan.ts'
import { suggestion } from '../definition/nearest.ts'
import { readRecords } from '../engine/hand-over.ts'
import type { RecordSource } from '../engine/ports.ts'
import { BEGIN_ANEW, TidemarkError } from '../errors.ts'
import { START_KINDS } from '../replay/choose-start.ts'
import type { StartKind } from '../replay/choose-start.ts'
import { wrongTilesFrom } from '../replay/left-days.ts'
import { checkAsked, lacksPartitions, planRegrouping } from '../replay/plan-regrouping.ts'
import { planReplay } from '../replay/plan-replay.ts'
import type { PlannedReplay } from '../replay/plan-replay.ts'
import type { ReplayFacts, ReplayRequest } from '../replay/plan-scope.ts'
import { parseRange } from '../replay/range.ts'
import type { TypedRange } from '../replay/range.ts'
import type { Call } from './command.ts'
import { newRunId, openSource } from './compose.ts'
import type { OpenedParts } from './compose.ts'
import { gatherRegrouping } from './gather-regrouping.ts'
import type { RegroupingOptions } from './gather-regrouping.ts'
import { spansOfLog } from './log-spans.ts'
import type { LogSpans } from './log-spans.ts'
import { openPlanArchive } from './open-archive.ts'
import type { ArchiveOptions } from './open-archive.ts'
import type { OpenReplays } from './open-replays.ts'
import { gatherKnowledge } from './replay-knowledge.ts'
import { exportsOf } from './follow-exports.ts'
import type { KnownExport } from '../storage/exports.ts'
import { tilesComplete } from './tiles-complete.ts'

export interface PlanOptions extends TypedRange, ArchiveOptions, RegroupingOptions {
  readonly views?: string
  readonly onlyRange?: true
  readonly start?: string
  readonly allowIncomplete?: true
  readonly reason: string
}

/** What other commands put into the plan that they make. */
export interface PlanExtras {
  readonly amendments?: readonly Amendment[]
  /** As it was typed, where that was another command. */
  readonly request?: string
}

export interface MadePlan extends PlannedReplay {
  readonly facts: ReplayFacts
  /** Plain copies of tables whose days change. */
  readonly exports: readonly KnownExport[]
}

export function addPlanOptions(command: Command): Command {
  return addRangeOptions(command)
    .option('--views <names>', 'only rows of these views, joined by commas; all by default')
    .option('--only-range', 'leave rows after the range as they are, though windows reach into it')
    .option(
      '--start <kind>',
      `where to begin reading: auto, ${START_KINDS.join(', ')}; auto is the one that reads least`,
    )
    .option(
      '--archive <place>',
      'raw events kept elsewhere, before what the log still has: a directory or s3://BUCKET/PREFIX of JSON lines, Avro container files or Parquet',
    )
    .option(
      '--archive-columns <names>',
      'names that columns have there: user_id=uid,_offset=kafka_offset',
    )
    .option(
      '--allow-incomplete',
      'also where the log does not reach back far enough; rows say from which day on they are whole',
    )
    .option(
      '--old-ends <offsets>',
      'where partitions were added: ends of the old ones, 0=1200,1=1180',
    )
    .option(
      '--partitioner <name>',
      `where partitions were added: how producers place keys, ${PARTITIONERS.map(({ name }) => name).join(', ')}; found out by default`,
    )
    .requiredOption('--reason <text>', 'why, for the audit trail')
}

function addRangeOptions(command: Command): Command {
  return command
    .option('--days <days>', 'days to count anew: 2026-01-01..2026-03-31, 2026-01-05, 2026-01-05..')
    .option('--since <time>', 'records from a time on: 2026-01-05T14:00Z, or a date')
    .option('--until <time>', 'with --since: records before a time')
    .option('--from-offset <offsets>', 'records from these offsets on: 0=1200,1=1180')
    .option('--to-offset <offsets>', 'with --from-offset: records before these offsets')
}

/**
 * Plans, and stores the plan.
 * @throws USAGE, DEFINITION_CHANGED, REPLAY_REFUSED, SOURCE_*, and what reading states and tables throws
 */
export async function makePlan(
  call: Call<PlanOptions>,
  open: OpenReplays,
  opened: OpenedParts,
  extras: PlanExtras = {},
): Promise<MadePlan> {
  const request = requestOf(call, open, extras)
  const archive = await openPlanArchive(call, open, opened)
  const facts = await gatherFacts(call, open, opened, archive?.spans)
  const planned = lacksPartitions(facts)
    ? await regroupingOf(call, { request, facts, opened })
    : planReplay(request, facts)
  const plan = archive ? await archive.settle(planned.plan, request.allowIncomplete) : planned.plan
  await open.replays.create(plan)
  const { range, staged, views } = plan
  const details = { request: plan.request, range, staged, views, handsOver: plan.handsOver }
  await open.replays.audit(plan.id, { ...plan.audit, did: 'plan', details })
  return { ...planned, plan, facts, exports: await exportsOf(open, plan) }
}

/** What can be told without reading is told first. */
async function regroupingOf(
  call: Call<PlanOptions>,
  parts: {
    readonly request: ReplayRequest
    readonly facts: ReplayFacts
    readonly opened: OpenedParts
  },
): Promise<PlannedReplay> {
  const { request, facts, opened } = parts
  checkAsked(request, facts)
  const text = requestText(call.options) || 'partitions were added'
  return planRegrouping({ ...request, text }, await gatherRegrouping(call, facts, opened))
}

function requestOf(
  { options, clock }: Call<PlanOptions>,
  open: OpenReplays,
  { amendments = [], request }: PlanExtras,
): ReplayRequest {
  const { pipeline } = open
  const calendar = createCalendar(pipeline.time.zone)
  const { days, since, until, fromOffset, toOffset } = options
  const isRanged = [days, since, until, fromOffset, toOffset].some((each) => each !== undefined)
  return {
    id: newRunId(clock.wallMs()),
    text: request ?? (requestText(options) || 'what the pipeline file changed'),
    range: isRanged ? parseRange(options, calendar) : undefined,
    views: options.views === undefined ? undefined : parseViews(pipeline, options.views),
    onlyRange: options.onlyRange === true,
    start: parseStart(options.start),
    allowIncomplete: options.allowIncomplete === true,
    amendments,
    audit: open.stamp(options.reason),
  }
}

/** By name (all versions) or `name@version`. @throws USAGE */
function parseViews(pipeline: Pipeline, typed: string): string[] {
  const plans = planViews(pipeline)
  return typed.split(',').flatMap((text) => {
    const name = text.trim()
    const found = plans.filter(
      ({ title, definition }) => name === title || name === definition.name,
    )
    if (found.length > 0) return found.map(({ title }) => title)
    const names = plans.map(({ title }) => title)
    throw usage(`--views: the pipeline has no view ${name}${suggestion(name, names)}`)
  })
}

/** @throws USAGE */
function parseStart(typed: string | undefined): StartKind | undefined {
  if (typed === undefined || typed === 'auto') return undefined
  const found = START_KINDS.find((kind) => kind === typed)
  if (found !== undefined) return found
  throw usage(
    `--start: expected auto or a kind of start, received ${typed}${suggestion(typed, START_KINDS)}`,
  )
}

const TOLD: readonly (readonly [
  option: string,
  of: (options: PlanOptions) => string | true | undefined,
])[] = [
  ['--days', ({ days }) => days],
  ['--since', ({ since }) => since],
  ['--until', ({ until }) => until],
  ['--from-offset', ({ fromOffset }) => fromOffset],
  ['--to-offset', ({ toOffset }) => toOffset],
  ['--views', ({ views }) => views],
  ['--only-range', ({ onlyRange }) => onlyRange],
  ['--start', ({ start }) => start],
  ['--archive', ({ archive }) => archive],
  ['--archive-columns', ({ archiveColumns }) => archiveColumns],
  ['--allow-incomplete', ({ allowIncomplete }) => allowIncomplete],
  ['--old-ends', ({ oldEnds }) => oldEnds],
  ['--partitioner', ({ partitioner }) => partitioner],
]

function requestText(options: PlanOptions): string {
  return TOLD.flatMap(([option, of]) => {
    const value = of(options)
    if (value === undefined) return []
    return [value === true ? option : `${option} ${value}`]
  }).join(' ')
}

/** @throws USAGE, SOURCE_*, REPLAY_REFUSED, and what reading states and tables throws */
export async function gatherFacts(
  { clock, log, progress }: Pick<Call<unknown>, 'clock' | 'log' | 'progress'>,
  open: OpenReplays,
  opened: OpenedParts,
  spans?: LogSpans,
): Promise<ReplayFacts> {
  const { pipeline, generations, checkpoints, handOvers, tables } = open
  const records = await readRecords(generations)
  const stored = records.at(-1)
  if (stored === undefined)
    throw usage(
      `${pipeline.name} has not run yet: there is no generation that a replay could follow. Begin with \`tidemark run\``,
    )
  const source = opened.add(openSource(pipeline, { clock, log }))
  if (spans === undefined) await checkSource(source, stored)
  const logs = spans ?? (await spansOfLog(source, clock))
  using bar = progress('plan')
  const partitions = await gatherKnowledge({
    pipeline,
    records,
    logs,
    checkpoints: checkpoints?.store,
    handOvers,
    tiles: await tilesComplete(tables, stored),
    onKnown: (done, of) => {
      bar.update(done, of, `what is known of ${of} partitions`)
    },
  })
  const zoneData = process.versions['tz'] ?? 'unknown'
  const tilesLeftFrom = wrongTilesFrom(await open.replays.list(), records)
  return { pipeline, stored, zoneData, source: { kind: 'log' }, partitions, tilesLeftFrom }
}

/** @throws SOURCE_CHANGED where positions mean other records than those that were counted */
async function checkSource(source: RecordSource, stored: GenerationRecord): Promise<void> {
  const { partitions, identity } = await source.topology()
  const { segments, log } = stored
  const isOther = log !== undefined && identity !== undefined && log !== identity
  // With more of them the first plan regroups.
  if (partitions >= segments.length && !isOther) return
  const what = isOther
    ? `was deleted and made again (id ${log}, now ${identity})`
    : `had ${segments.length} partitions and has ${partitions} now`
  throw new TidemarkError(
    'SOURCE_CHANGED',
    `${source.topic} ${what}: offsets mean other records than those that were counted. Nothing was planned. Bring the old log back, or ${BEGIN_ANEW}`,
  )
}

function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', message)
}
