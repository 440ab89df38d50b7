/** A plan of a replay for people and for machines: what would be read, what would change, and what readers of the results would see. */
import { formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { PartitionKnowledge } from '../replay/knowledge.ts'
import { OPEN_DAY, regroupedBy } from '../replay/plan.ts'
import type { DayRange, PartitionReplay, ReplayPlan, ReplayStart } from '../replay/plan.ts'
import type { MadePlan } from './make-plan.ts'
import type { Output } from './output.ts'
import type { ReplayCost } from './replay-cost.ts'
import { bytesWords, countWords, durationWords, plural } from './words.ts'

export function printPlan(out: Output, made: MadePlan, cost: ReplayCost): void {
  const { plan, facts } = made
  out.line(`replay ${plan.id} of ${plan.pipeline}: ${plan.request}`)
  out.line()
  for (const [what, words] of summary(made)) out.line(`${what.padEnd(12)}${words}`)
  out.line()
  out.table(
    ['PARTITION', 'BEGINS WITH', 'READS FROM', 'COUNTS FROM', 'TO', 'KNOWN BY'],
    plan.partitions.map((each) => [
      String(each.partition),
      beginWords(each.start),
      countWords(each.start.offset),
      countWords(countsFrom(each.start)),
      stopWords(each, facts.partitions),
      knownBy(facts.partitions[each.partition]),
    ]),
  )
  out.line()
  out.line(`reads       ${costWords(cost)}`)
  out.line(`time        ${timeWords(cost)}`)
  out.line(`reach       ${reachWords(plan)}`)
  out.line()
  out.line('Nothing changes before it is published. Then:')
  for (const line of effects(made)) out.line(`  ${line}`)
  out.line()
  out.line(`Go on with: tidemark replay run ${plan.id}`)
}

function summary(made: MadePlan): [string, string][] {
  const { plan, handsOverBecause, changes } = made
  const { range, staged, views, base } = plan
  return [
    ['generation', `${base} now, ${base + 1} once it is published`],
    ['range', `${rangeWords(range)}: days whose events are counted anew`],
    ['changes', changedWords(range, staged)],
    ['untouched', untouchedWords(staged)],
    ['views', views.join(', ')],
    ...changes.map((each): [string, string] => ['definition', each]),
    ...amendmentWords(made),
    ...regroupedWords(plan),
    ['source', sourceWords(plan)],
    [
      'states',
      handsOverBecause === undefined
        ? 'owners of partitions go on with theirs: these days are final for all of them'
        : `owners of partitions take those of the replay over: ${handsOverBecause}`,
    ],
    ['reason', plan.audit.reason],
  ]
}

/** Those that it adds. */
function amendmentWords({ plan, facts }: MadePlan): [string, string][] {
  const added = plan.record.amendments.length - facts.stored.amendments.length
  if (added === 0) return []
  return [['amendments', `${plural(added, 'record')} of the log counted otherwise than before`]]
}

function regroupedWords(plan: ReplayPlan): [string, string][] {
  const regrouped = regroupedBy(plan)
  if (regrouped === undefined) return []
  const { from, partitioner } = regrouped
  const ends = from.map(({ partition, end }) => `${partition}=${end}`).join(',')
  return [
    ['partitions', `${from.length} -> ${plan.partitions.length}, keys placed by ${partitioner}`],
    ['old ends', `${ends}: records from there on count where they lie now`],
  ]
}

function rangeWords({ first, last }: DayRange): string {
  if (first === last) return formatDay(first)
  return `${formatDay(first)} .. ${last >= OPEN_DAY ? 'the end of the log' : formatDay(last)}`
}

/** On the last staged day there is nothing of the range left in any window but for all-empty rows. */
function changedWords(range: DayRange, staged: DayRange): string {
  const last = `rows of ${rangeWords(staged)}`
  const before =
    staged.first < range.first
      ? `; those before ${formatDay(range.first)} since owners may still be writing them`
      : ''
  if (staged.last >= OPEN_DAY || staged.last === range.last) return `${last}${before}`
  return `${last}: windows reach into the range until ${formatDay(staged.last - 1)}, and on the day after there may be all-empty rows${before}`
}

function untouchedWords({ first, last }: DayRange): string {
  const after = last >= OPEN_DAY ? '' : ` and after ${formatDay(last)}`
  return `rows before ${formatDay(first)}${after}`
}

function sourceWords({ source }: ReplayPlan): string {
  if (source.kind === 'log') return 'the log'
  const { location, files, readsOn, hasPositions } = source
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const then = readsOn ? ', then the log' : hasPositions ? '' : ', a log of its own'
  return `the archive ${location}: ${plural(files.length, 'file')}, ${bytesWords(bytes)}${then}`
}

function beginWords(start: ReplayStart): string {
  switch (start.kind) {
    case 'origin':
      return 'nothing, at the origin'
    case 'checkpoint':
      return start.place === undefined
        ? `checkpoint ${start.checkpoint}`
        : 'the state that partitions were regrouped into'
    case 'milestone':
      return `the time of a milestone`
    case 'live':
      return 'a copy of the live state, and stored tiles'
    case 'regrouped':
      return 'what old partitions leave'
    case 'tiles':
      return `stored tiles of ${rangeWords(start.tiles)}`
  }
}

function countsFrom(start: ReplayStart): number {
  return 'countsFrom' in start ? start.countsFrom : start.offset
}

function stopWords(
  { partition, start, stop }: PartitionReplay,
  known: readonly PartitionKnowledge[],
): string {
  if (start.kind === 'live' || start.kind === 'regrouped') return 'there: nothing is read'
  const end = known.find((each) => each.partition === partition)?.log.end ?? 0
  return stop === undefined ? `the end (${countWords(end)} now)` : countWords(stop)
}

const KNOWN_BY = {
  state: 'the state here',
  checkpoint: 'a checkpoint',
  'handed over': 'the last hand-over',
} as const

function knownBy(known: PartitionKnowledge | undefined): string {
  return known?.state === undefined ? 'nothing' : KNOWN_BY[known.state.from]
}

function costWords({ records, bytes }: ReplayCost): string {
  return `about ${plural(records, 'record')}, ${bytesWords(bytes)}`
}

function timeWords({ seconds, recordsPerSecond, measuredBy }: ReplayCost): string {
  const speed = `${countWords(recordsPerSecond)} records/s`
  const how =
    measuredBy.length === 0
      ? `at ${speed}, a cautious guess: no replay has been measured here yet`
      : `at ${speed}, measured by ${measuredBy.join(', ')}`
  return `about ${durationWords(Math.max(1_000, seconds * 1_000))} ${how}`
}

function reachWords({ incomplete, source }: ReplayPlan): string {
  const what = source.kind === 'log' ? 'the log' : 'the archive'
  return incomplete
    ? `${what} does NOT reach back far enough: windows lack what came before, and _complete_from says so`
    : `${what} reaches back far enough for every window`
}

function effects({ plan, facts, exports }: MadePlan): string[] {
  const { views, handsOver } = plan
  const tables = `tables of ${views.join(', ')}: the days that the replay has closed are swapped in one transaction per table; a reader sees each (entity, day) once, as it was or as it is`
  const copies = exports.map(
    ({ view, directory, host }) =>
      `the copy of ${view} in ${directory} (on ${host}) follows: its days that change are exported anew`,
  )
  const online = handsOver
    ? 'online: nothing is written by the replay; once the owners are past their former position they tell every value again, paced, as of the new generation'
    : 'online: values stay as they are, no window of today reaches into these days'
  const consumers = handsOver
    ? 'running consumers find the new generation within seconds, take the states over and read on from there'
    : 'running consumers come into the new generation with their own states'
  const retired = facts.stored.views
    .map(({ name, version }) => `${name}@${version}`)
    .filter((title) => !plan.record.views.some((each) => `${each.name}@${each.version}` === title))
  return [
    tables,
    online,
    consumers,
    ...(retired.length === 0 ? [] : [`no longer written: ${retired.join(', ')}`]),
    ...copies,
    `\`tidemark replay diff ${plan.id}\` shows every difference before that`,
  ]
}

/** The same for machines. */
export function planData(made: MadePlan, cost: ReplayCost): object {
  const { plan, facts, handsOverBecause, changes, starts } = made
  const { range, staged } = plan
  return {
    id: plan.id,
    pipeline: plan.pipeline,
    request: plan.request,
    reason: plan.audit.reason,
    by: plan.audit.by,
    generation: { now: plan.base, next: plan.base + 1 },
    range: rangeData(range),
    staged: rangeData(staged),
    untouched: { before: formatDay(staged.first), after: dayData(staged.last) },
    views: plan.views,
    changes,
    source: plan.source,
    ...(regroupedBy(plan) && { regrouped: plan.record.regrouped }),
    handsOver: plan.handsOver,
    handsOverBecause: handsOverBecause ?? null,
    incomplete: plan.incomplete,
    partitions: plan.partitions.map((each) => ({
      partition: each.partition,
      start: startData(each.start),
      stop: each.stop ?? null,
      records: each.records ?? null,
      log: facts.partitions.find(({ partition }) => partition === each.partition)?.log ?? null,
      knownBy:
        facts.partitions.find(({ partition }) => partition === each.partition)?.state?.from ?? null,
      refused: Object.fromEntries(
        starts.find(({ partition }) => partition === each.partition)?.refused ?? [],
      ),
    })),
    cost,
    exports: made.exports,
    effects: effects(made),
    next: `tidemark replay run ${plan.id}`,
  }
}

function startData(start: ReplayStart): object {
  const { kind, offset } = start
  const counts = { kind, offset, countsFrom: countsFrom(start) }
  if (start.kind === 'checkpoint')
    return { ...counts, checkpoint: start.checkpoint, place: start.place ?? null }
  return start.kind === 'tiles' ? { ...counts, tiles: rangeData(start.tiles) } : counts
}

function rangeData({ first, last }: DayRange): object {
  return { first: formatDay(first), last: dayData(last) }
}

/** Null: no end. */
function dayData(day: DayIndex): string | null {
  return day >= OPEN_DAY ? null : formatDay(day)
}
