/** A status in words: a table of the partitions, then what each open day waits for. */
import type { Output } from './output.ts'
import { publicationData, publicationLines } from './publication-status.ts'
import { reasonOf } from './status.ts'
import type { PartitionStatus, StartedPartition, Status } from './status.ts'
import {
  bytesWords,
  countWords,
  dayOrNull,
  dayWords,
  instantOrNull,
  instantWords,
  plural,
} from './words.ts'

export function printStatus(out: Output, status: Status): void {
  out.line(`pipeline ${status.pipeline}, source ${status.source}`)
  if (status.sourceProblem !== undefined)
    out.line(`the source cannot be asked now, so lags are not known: ${status.sourceProblem}`)
  if (status.group !== undefined) out.line(`group ${status.group}`)
  out.line()
  out.table(
    ['PARTITION', 'POSITION', 'LAG', 'WATERMARK', 'CLOSED DAY', 'OPEN DAY', 'STATE'],
    status.partitions.map((each) => partitionRow(each, status.lagUnit)),
  )
  out.line()
  if (status.partitions.length === 0) out.line('no partition has a state on this machine')
  for (const each of status.partitions) out.line(waitingLine(each))
  printFollowers(out, status)
  out.line(`\nfirewall: ${status.firewall.future}: ${status.firewall.words}`)
}

function partitionRow(each: PartitionStatus, unit: Status['lagUnit']): string[] {
  if (each.state === 'not started')
    return [String(each.partition), each.heldBy === undefined ? 'not started' : 'elsewhere']
  return [
    String(each.partition),
    each.position,
    lagWords(each, unit),
    each.watermark === undefined ? '-' : instantWords(each.watermark),
    dayWords(each.closedDay),
    dayWords(each.openDay?.day),
    bytesWords(each.stateBytes),
  ]
}

function lagWords({ lag, problem }: StartedPartition, unit: Status['lagUnit']): string {
  if (problem !== undefined) return 'PROBLEM'
  if (lag === undefined) return '-'
  return unit === 'bytes' ? bytesWords(lag) : plural(lag, 'record')
}

function waitingLine(each: PartitionStatus): string {
  const where = `partition ${each.partition}:`
  if (each.state === 'not started') {
    return each.heldBy === undefined
      ? `${where} not started; \`tidemark run\` begins it`
      : `${where} no state on this machine; ${each.heldBy} holds it`
  }
  if (each.problem !== undefined) return `${where} PROBLEM: ${each.problem}`
  const day = each.openDay?.words ?? 'waits for its first event'
  return `${where} ${day}${ticked(each)}`
}

function ticked({ tickedWatermark, watermark }: StartedPartition): string {
  return tickedWatermark !== undefined && tickedWatermark > (watermark ?? -Infinity)
    ? ` (the clock has moved its days on to ${instantWords(tickedWatermark)})`
    : ''
}

function printFollowers(
  out: Output,
  { partitions, rejects, rejectPlace, tables, publications }: Status,
): void {
  const started = partitions.filter((each) => each.state === 'started')
  const online = started.filter(({ onlinePosition }) => onlinePosition !== undefined)
  if (online.length > 0) {
    const behind = online.filter((each) => (each.onlinePosition ?? 0) < each.nextOffset)
    out.line(
      behind.length === 0
        ? '\nonline: everything committed has been told'
        : `\nonline: partitions ${behind.map(({ partition }) => partition).join(', ')} have changes that are not told yet`,
    )
  }
  const dirty = started.reduce((sum, { dirtySlots }) => sum + dirtySlots, 0)
  for (const { view, table, completeDay, rows, problem } of tables) {
    out.line(
      problem === undefined
        ? `table ${table} (${view}): complete to ${dayWords(completeDay)}, ${countWords(rows)} rows`
        : `table ${table} (${view}): ${problem}`,
    )
  }
  if (tables.length > 0 && dirty > 0)
    out.line(`tables: ${countWords(dirty)} slots wait to be written`)
  for (const line of publicationLines(publications)) out.line(line)
  printRejects(out, rejects, rejectPlace)
}

function printRejects(out: Output, rejects: Status['rejects'], place: string): void {
  const found = Object.entries(rejects).filter(([, count]) => count > 0)
  if (found.length === 0) {
    out.line('dead letters: none')
    return
  }
  const words = found.map(([outcome, count]) => `${outcome} ${countWords(count)}`).join(', ')
  const late = found.some(([outcome]) => reasonOf(outcome) === 'too_late')
  out.line(
    `dead letters: ${words} (in ${place}${late ? '; `tidemark late list` shows the late ones' : ''})`,
  )
}

/** For machines: days and instants as ISO 8601 text. */
export function statusData(status: Status): object {
  return {
    ...status,
    sourceProblem: status.sourceProblem ?? null,
    group: status.group ?? null,
    partitions: status.partitions.map((each) => {
      const endOffset = each.endOffset ?? null
      if (each.state === 'not started') return { ...each, endOffset, heldBy: each.heldBy ?? null }
      const { maxEventTime, watermark, tickedWatermark, closedDay, openDay, ...rest } = each
      return {
        ...rest,
        endOffset,
        lag: each.lag ?? null,
        problem: each.problem ?? null,
        maxEventTime: instantOrNull(maxEventTime),
        watermark: instantOrNull(watermark),
        tickedWatermark: instantOrNull(tickedWatermark),
        closedDay: dayOrNull(closedDay),
        openDay: openDay
          ? {
              day: dayOrNull(openDay.day),
              closedByEvent: instantOrNull(openDay.closedByEventMs),
              closedByClock: instantOrNull(openDay.closedByClockMs),
              words: openDay.words,
            }
          : null,
      }
    }),
    publications: publicationData(status.publications),
    tables: status.tables.map(({ completeDay, ...rest }) => {
      return { ...rest, completeDay: dayOrNull(completeDay) }
    }),
  }
}
