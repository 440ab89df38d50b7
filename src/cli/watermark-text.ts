/** What holds each watermark, in words and for machines. */
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Output } from './output.ts'
import type { HeldWatermark, IdleState, PartitionWatermark, WatermarkReport } from './watermark.ts'
import type { Poison } from './watermark-verdict.ts'
import {
  bytesWords,
  countWords,
  dayOrNull,
  dayWords,
  durationWords,
  instantOrNull,
  instantWords,
  plural,
} from './words.ts'

export function printWatermarks(out: Output, report: WatermarkReport, pipeline: Pipeline): void {
  for (const each of report.partitions) {
    for (const line of partitionLines(each, pipeline)) out.line(line)
  }
  out.line(`\n${lowestWords(report)}`)
  const poisoned = report.partitions.some((each) => each.state === 'held' && each.poison)
  if (!poisoned) return
  for (const line of mendingLines(report, pipeline)) out.line(line)
}

function partitionLines(each: PartitionWatermark, pipeline: Pipeline): string[] {
  if (each.state !== 'held') {
    const why =
      each.state === 'not started'
        ? 'not started; `tidemark run` begins it'
        : 'no watermark, it has had no event yet'
    return [`partition ${each.partition}: ${why}`]
  }
  return [
    `partition ${each.partition}: watermark ${instantWords(each.watermark)}, held by ${each.position}`,
    `  record: event time ${instantWords(each.eventTime)}, ${recordWords(each)}`,
    `  since: ${sinceWords(each, pipeline)}`,
    `  idle: ${idleWords(each, pipeline)}`,
    `  days: ${daysWords(each)}`,
    ...(each.poison ? poisonLines(each.poison, each) : []),
  ]
}

function recordWords({ holder: { timestamp, key, missing } }: HeldWatermark): string {
  if (missing !== undefined) return missing
  const own = timestamp === undefined ? 'none of its own' : instantWords(timestamp)
  return `record timestamp ${own}, key ${key ?? '?'}`
}

function sinceWords(
  { holder: { timestamp }, behindOffsets }: HeldWatermark,
  { source, time }: Pipeline,
): string {
  const ago = `${offsetsWords(behindOffsets, source.log.kind)} of the log ago`
  const came = timestamp === undefined ? ago : `${instantWords(timestamp)}, ${ago}`
  return `${came}; an event later than its own moves it (outOfOrderness ${durationWords(time.outOfOrdernessMs)})`
}

function offsetsWords(offsets: number, kind: Pipeline['source']['log']['kind']): string {
  return kind === 'files' ? bytesWords(offsets) : plural(offsets, 'offset')
}

function idleWords(
  { idle, lag, tickedWatermark }: HeldWatermark,
  { source, time }: Pipeline,
): string {
  const idleAfter = durationWords(time.idleAfterMs)
  const words: Readonly<Record<IdleState, () => string>> = {
    behind: () => `no, ${offsetsWords(lag, source.log.kind)} are to be read first`,
    ticked: () => `yes, the clock has moved its days on to ${instantWords(tickedWatermark ?? 0)}`,
    historical: () =>
      'no, the log is historical: its newest event is more than two days old, so the clock closes nothing',
    'at the end': () => `once the log has been quiet for ${idleAfter}; all of it is read`,
  }
  return words[idle]()
}

function daysWords({ closed, closedDay, openDay }: HeldWatermark): string {
  const own = closed === undefined ? '' : `this record closed ${rangeWords(closed)}; `
  return `${own}closed to ${dayWords(closedDay)}${openDay === undefined ? '' : `; ${openDay.words}`}`
}

function rangeWords({
  first,
  last,
}: {
  readonly first: DayIndex
  readonly last: DayIndex
}): string {
  if (first === last) return dayWords(first)
  return `${dayWords(first)} to ${dayWords(last)} (${plural(last - first + 1, 'day')})`
}

function poisonLines(
  { words, closedEarly, finalDay, tooLateAfter }: Poison,
  { eventTime, holder, tooLate }: HeldWatermark,
): string[] {
  const closed =
    closedEarly === undefined
      ? 'it has closed no day early'
      : `it closed ${rangeWords(closedEarly)} before the log had come to their end; ${correctionWords(closedEarly, finalDay)}`
  const seen = holder.after.eventTimes.length
  const after =
    seen === 0 ? '' : `, ${countWords(tooLateAfter)} of the ${plural(seen, 'event')} after it`
  return [
    `  POISONED: ${words}`,
    `    ${closed}`,
    `    records of ${dayWords(finalDay)} and before are refused as too_late: ${countWords(tooLate)} of this partition so far${after}`,
    `    it holds until an event later than ${instantWords(eventTime)} comes`,
  ]
}

function correctionWords(
  { first, last }: { readonly first: DayIndex; readonly last: DayIndex },
  finalDay: DayIndex,
): string {
  if (finalDay < first) return 'their rows are corrected as their records come'
  if (finalDay >= last) return 'their rows keep what they had then'
  return `rows of days up to ${dayWords(finalDay)} keep what they had then, later ones are corrected as their records come`
}

function lowestWords({ lowest, partitions, topic }: WatermarkReport): string {
  if (lowest !== undefined) {
    return `${topic}[${lowest.partition}] is the furthest back, at ${instantWords(lowest.watermark)}: no later day is over in every partition`
  }
  const without = partitions.filter(({ state }) => state !== 'held')
  const names = without.map(({ partition }) => `${topic}[${partition}]`).join(', ')
  return `no day is over in every partition: ${names} ${without.length === 1 ? 'has' : 'have'} no event`
}

function mendingLines({ firewall }: WatermarkReport, { rejects }: Pipeline): string[] {
  const kept = rejects.topic === undefined ? rejects.directory : `the topic ${rejects.topic}`
  const inFuture =
    firewall.future === 'on'
      ? `firewall on: ${firewall.words}, so a new reading refuses the record where its timestamp is right`
      : `firewall ${firewall.future}: ${firewall.words}`
  return [
    '\nwhat mends a poisoned watermark:',
    '  - `tidemark watermark reset --reason WHY` drops the record: it plans a replay from before the days that it closed early; once that',
    '    is published, all is as if the log did not have it, and what was too late only because of it counts.',
    '  - where the time above is near, wait: events after it move the watermark on, and corrections reach what allowedLateness covers.',
    `  Nothing is lost meanwhile: refused records are in ${kept} with their bytes; \`tidemark late list\` shows the late ones.`,
    `  ${inFuture}`,
  ]
}

/** For machines: instants as ISO 8601, days as dates. */
export function watermarkData({ partitions, lowest, ...rest }: WatermarkReport): object {
  return {
    ...rest,
    partitions: partitions.map((each) => (each.state === 'held' ? heldData(each) : each)),
    lowest: lowest ? { ...lowest, watermark: instantOrNull(lowest.watermark) } : null,
  }
}

function heldData(each: HeldWatermark): object {
  const { holder, closed, poison, openDay, closedDay, tickedWatermark, ...rest } = each
  return {
    ...rest,
    watermark: instantOrNull(each.watermark),
    eventTime: instantOrNull(each.eventTime),
    record: {
      timestamp: instantOrNull(holder.timestamp),
      key: holder.key ?? null,
      missing: holder.missing ?? null,
    },
    closed: rangeData(closed),
    closedDay: dayOrNull(closedDay),
    tickedWatermark: instantOrNull(tickedWatermark),
    openDay: openDay ? { day: dayOrNull(openDay.day), words: openDay.words } : null,
    poison: poison
      ? {
          kind: poison.kind,
          words: poison.words,
          closedEarly: rangeData(poison.closedEarly),
          finalDay: dayOrNull(poison.finalDay),
          tooLateAfter: poison.tooLateAfter,
          eventsAfter: holder.after.eventTimes.length,
        }
      : null,
  }
}

function rangeData(
  range: { readonly first: DayIndex; readonly last: DayIndex } | undefined,
): object | null {
  return range ? { first: dayOrNull(range.first), last: dayOrNull(range.last) } : null
}
