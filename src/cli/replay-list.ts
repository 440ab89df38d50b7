/** Replays as people and machines see them: all in a table, and one with everything that is known of it. */
import { readRecords } from '../engine/hand-over.ts'
import { OPEN_DAY } from '../replay/plan.ts'
import type { DayRange, ReplayPlan, ReplayStart } from '../replay/plan.ts'
import type { AuditEntry, Replay } from '../replay/records.ts'
import { isDiscarded, standingOf } from '../replay/standing.ts'
import type { Standing } from '../replay/standing.ts'
import type { Call } from './command.ts'
import { OpenedParts } from './compose.ts'
import { openReplays } from './open-replays.ts'
import type { OpenReplays } from './open-replays.ts'
import { publicationData, publicationLines, publicationStatusOf } from './publication-status.ts'
import type { PublicationStatus } from './publication-status.ts'
import { countWords, dayOrNull, dayWords, instantOrNull, instantWords } from './words.ts'

export async function listReplays(call: Call<unknown>): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const open = await openReplays(pipeline, opened, call)
  const records = await readRecords(open.generations)
  const replays = await open.replays.list()
  const publications = publicationStatusOf(replays, records)
  if (call.json) {
    call.out.json({
      ...publicationData(publications),
      replays: replays.map((replay) => ({
        ...planData(replay.plan),
        standing: standingOf(replay, records),
        discarded: isDiscarded(replay),
      })),
    })
    return
  }
  if (replays.length === 0) {
    call.out.line('no replays yet; `tidemark replay plan` makes one')
    return
  }
  call.out.table(
    ['REPLAY', 'DAYS', 'VIEWS', 'STATE', 'BY', 'REASON'],
    replays.map((replay) => [
      replay.plan.id,
      rangeWords(replay.plan.range),
      replay.plan.views.join(' '),
      standingWords(standingOf(replay, records)),
      replay.plan.audit.by,
      replay.plan.audit.reason,
    ]),
  )
  for (const line of publicationLines(publications)) call.out.line(line)
}

export async function showReplay(call: Call<unknown>, id: string): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const open = await openReplays(pipeline, opened, call)
  const replay = await open.replays.get(id)
  const records = await readRecords(open.generations)
  const standing = standingOf(replay, records)
  const publications = publicationsOf(id, publicationStatusOf(await open.replays.list(), records))
  if (call.json) {
    call.out.json({
      ...planData(replay.plan),
      standing,
      ...publicationData(publications),
      discarded: isDiscarded(replay),
      plan: replay.plan,
      result: replay.result ?? null,
      trail: replay.trail.map((entry) => ({ ...entry, at: instantOrNull(entry.atMs) })),
    })
  } else printReplay(call, open, { replay, standing, publications })
}

function publicationsOf(id: string, { unfinished, left }: PublicationStatus): PublicationStatus {
  return {
    unfinished: unfinished.filter(({ replay }) => replay === id),
    left: left.filter(({ by }) => by.replay === id),
  }
}

function printReplay(
  { out }: Call<unknown>,
  { storage }: OpenReplays,
  {
    replay,
    standing,
    publications,
  }: {
    readonly replay: Replay
    readonly standing: Standing
    readonly publications: PublicationStatus
  },
): void {
  const { plan } = replay
  out.line(`replay ${plan.id}: ${standingWords(standing)}`)
  for (const line of publicationLines(publications)) out.line(line)
  out.line(`asked for ${plan.request}, ${plan.audit.reason}`)
  out.line(
    `days ${rangeWords(plan.range)}; rows of ${rangeWords(plan.staged)} of ${plan.views.join(', ')}, on top of generation ${plan.base}`,
  )
  out.line(
    plan.handsOver
      ? 'owners of partitions take its states over'
      : 'its rows are swapped in, and owners go on with their own states',
  )
  if (plan.incomplete) out.line('the source did not reach back far enough: rows say from where on')
  const { kind } = plan.source
  out.line(kind === 'log' ? 'read from the log' : `read from the archive ${plan.source.location}`)
  printPartitions(out, replay)
  printTrail(out, replay.trail)
  if (!isDiscarded(replay) && replay.result)
    out.line(`\nstaged in ${storage.location}/_tidemark/replays/${plan.id}`)
}

function beginningOf(start: ReplayStart): string {
  if (start.kind !== 'checkpoint') return start.kind
  return start.place === undefined ? `checkpoint ${start.checkpoint}` : 'regrouped state'
}

function printPartitions(out: Call<unknown>['out'], { plan, result }: Replay): void {
  out.line()
  out.table(
    ['PARTITION', 'FROM', 'BEGINS WITH', 'TO', 'RECORDS', 'CLOSED'],
    plan.partitions.map(({ partition, start, stop, records }) => {
      const done = result?.partitions.find((each) => each.partition === partition)
      const read = done?.records ?? records
      return [
        String(partition),
        countWords(start.offset),
        beginningOf(start),
        done ? countWords(done.offset) : stop === undefined ? 'the end' : countWords(stop),
        read === undefined ? '-' : countWords(read),
        dayWords(done?.closedDay),
      ]
    }),
  )
  if (result === undefined) return
  out.line()
  out.table(
    ['STAGED', 'FIRST DAY', 'LAST DAY', 'ROWS', 'FILES', 'SHA-256'],
    result.tables.map(({ name, days, rows, files, checksum }) => [
      name,
      dayWords(days?.first),
      dayWords(days?.last),
      countWords(rows),
      countWords(files),
      checksum,
    ]),
  )
}

function printTrail(out: Call<unknown>['out'], trail: readonly AuditEntry[]): void {
  out.line()
  out.table(
    ['WHEN', 'WHO', 'DID', 'GENERATION', 'WITH', 'REASON'],
    trail.map((entry) => [
      instantWords(entry.atMs),
      entry.by,
      didWords(entry),
      entry.generation === undefined ? '-' : String(entry.generation),
      entry.software,
      entry.reason,
    ]),
  )
  const gates = trail.flatMap(({ details }) => gatesOf(details))
  for (const { passed, message } of gates) out.line(`${passed ? 'passed' : 'FAILED'} ${message}`)
}

interface ToldGate {
  readonly passed: boolean
  readonly message: string
}

function gatesOf({ gates }: AuditEntry['details']): readonly ToldGate[] {
  return Array.isArray(gates) ? (gates as ToldGate[]) : []
}

function didWords({ did, details }: AuditEntry): string {
  const phase = typeof details['phase'] === 'string' ? `: ${details['phase']}` : ''
  return details['forced'] === true ? `${did}${phase}, forced` : `${did}${phase}`
}

function standingWords(standing: Standing): string {
  switch (standing.kind) {
    case 'published':
      return standing.finished
        ? `published as generation ${standing.generation}`
        : `publish of generation ${standing.generation} unfinished`
    case 'rolled back':
      return standing.finished
        ? `generation ${standing.published} taken back by ${standing.generation}`
        : `rollback of generation ${standing.published} unfinished`
    default:
      return standing.kind
  }
}

function rangeWords({ first, last }: DayRange): string {
  if (first === last) return dayWords(first)
  return last >= OPEN_DAY ? `${dayWords(first)} on` : `${dayWords(first)} to ${dayWords(last)}`
}

function planData(plan: ReplayPlan): object {
  const { id, base, request, range, staged, views, handsOver, incomplete, audit } = plan
  return {
    replay: id,
    base,
    request,
    days: rangeData(range),
    staged: rangeData(staged),
    views,
    handsOver,
    incomplete,
    planned: { by: audit.by, at: instantOrNull(audit.atMs), reason: audit.reason },
  }
}

function rangeData({ first, last }: DayRange): object {
  return { first: dayOrNull(first), last: last >= OPEN_DAY ? null : dayOrNull(last) }
}
