/** `tidemark get`: what is served for an entity, with what a reader needs to judge its age; or what the table has. */
import type { Command } from 'commander'
import { formatDay } from '../../core/day.ts'
import type { Pipeline } from '../../core/definition.ts'
import type { ViewPlan } from '../../core/view-plan.ts'
import type { OnlineValue } from '../../engine/ports.ts'
import { TidemarkError } from '../../errors.ts'
import { action, definePipelineCommand } from '../command.ts'
import type { Call } from '../command.ts'
import { OpenedParts, openOnlineReader, openTables } from '../compose.ts'
import { readOfflineRow } from '../offline-row.ts'
import { entityData, entityWords, shownColumns } from '../online-view.ts'
import {
  coverageOf,
  findServedView,
  pipelineRecords,
  recordsIn,
  servedOnline,
} from '../served-views.ts'
import { parseDayArgument, parseEntity } from '../view-argument.ts'
import { dayOrNull, dayWords, durationWords, instantOrNull, instantWords } from '../words.ts'

interface GetOptions {
  readonly offline?: string
}

export function getCommand(): Command {
  return definePipelineCommand('get', {
    summary: 'the online value of an entity, or its row of a day',
    description:
      'Prints all features of an entity as they are served, with the as-of day, the age, and the day on which the value changes by ' +
      'itself. With --offline DAY prints the row of the table instead. Exits with 1 where there is none. Works beside a run.',
    examples: [
      ['tidemark get user_activity user_id=u42', 'what is served now'],
      ['tidemark get user_activity user_id=u42 --offline 2026-01-05', 'the row as of that day'],
    ],
  })
    .argument('<view>', 'name of a view (its latest version that is served), or name@version')
    .argument('<field=value...>', 'the fields of its entity')
    .option('--offline <day>', 'read the table: the row as of this day, YYYY-MM-DD')
    .action(
      action<GetOptions, [view: string, fields: string[]]>(async (call, name, fields) => {
        const pipeline = await call.pipeline()
        if (call.options.offline === undefined) await getOnline(call, pipeline, { name, fields })
        else await getOffline(call, pipeline, { name, fields })
      }),
    )
}

/** As they are typed. */
interface Typed {
  readonly name: string
  readonly fields: readonly string[]
}

interface Wanted {
  readonly view: ViewPlan
  readonly entity: string
}

/** Column -> first day that it holds for, where it was added later. */
type Coverage = ReadonlyMap<string, string>

async function getOnline(
  call: Call<GetOptions>,
  pipeline: Pipeline,
  { name, fields }: Typed,
): Promise<void> {
  const { online } = pipeline.sinks
  if (online === undefined) throw noSink('sinks.online', 'an online store')
  const records = pipelineRecords(pipeline, call)
  const store = await openOnlineReader(pipeline, online, call.clock)
  try {
    const view = await findServedView(
      pipeline,
      name,
      records,
      async (newest) => store && servedOnline(store, newest),
    )
    const entity = parseEntity(view, fields)
    const value = await store?.read(view.onlineName, entity)
    if (value === undefined) {
      notFound(call, { view, entity }, 'no value: never written, or expired')
      return
    }
    const hasNull = shownColumns(view, value).some(({ text }) => text === undefined)
    const since = hasNull ? await coverageOf(pipeline, view, records) : new Map<string, string>()
    if (call.json) call.out.json(valueData(view, value, { since, nowMs: call.clock.wallMs() }))
    else printValue(call, view, { value, since })
  } finally {
    await store?.[Symbol.asyncDispose]()
  }
}

function printValue(
  { out, clock }: Call<GetOptions>,
  view: ViewPlan,
  { value, since }: { readonly value: OnlineValue; readonly since: Coverage },
): void {
  const { entity, version, state, eventTime, watermark, nextDay, partition } = value
  const age = eventTime === undefined ? undefined : clock.wallMs() - eventTime
  out.line(`${view.title} ${entityWords(view, entity)}\n`)
  out.table(
    ['FEATURE', 'VALUE'],
    shownColumns(view, value).map(({ name, text }) => [name, text ?? nullWords(name, since)]),
  )
  out.line(`\nas of         ${formatDay(version.day)}, ${state}`)
  out.line(
    `newest event  ${eventTime === undefined || age === undefined ? 'none in its windows' : `${instantWords(eventTime)}, ${durationWords(age)} ago`}`,
  )
  out.line(`watermark     ${instantWords(watermark)}`)
  out.line(
    `next change   ${nextDay === undefined ? 'none by itself' : `${dayWords(nextDay)}, if no event comes before`}`,
  )
  out.line(
    `version       ${version.generation}.${version.offset}.${version.day}, partition ${partition}`,
  )
}

function nullWords(name: string, since: Coverage): string {
  return since.has(name) ? `null (holds from ${since.get(name)} on)` : 'null'
}

function valueData(
  view: ViewPlan,
  value: OnlineValue,
  { since, nowMs }: { readonly since: Coverage; readonly nowMs: number },
): object {
  const { version, eventTime, watermark, nextDay, state, partition, definition } = value
  return {
    view: view.title,
    entity: entityData(view, value.entity),
    found: true,
    features: Object.fromEntries(shownColumns(view, value).map(({ name, json }) => [name, json])),
    ...(since.size === 0 ? {} : { since: Object.fromEntries(since) }),
    asOf: formatDay(version.day),
    state,
    eventTime: instantOrNull(eventTime),
    ageMs: eventTime === undefined ? null : nowMs - eventTime,
    watermark: instantOrNull(watermark),
    nextChange: dayOrNull(nextDay),
    version,
    partition,
    definition,
  }
}

async function getOffline(
  call: Call<GetOptions>,
  pipeline: Pipeline,
  { name, fields }: Typed,
): Promise<void> {
  const { offline } = pipeline.sinks
  if (offline === undefined) throw noSink('sinks.offline', 'tables')
  const day = parseDayArgument('--offline', call.options.offline ?? '')
  await using opened = new OpenedParts()
  const tables = await openTables(pipeline, offline, opened, call)
  const records = recordsIn(tables.storage)
  const view = await findServedView(pipeline, name, records)
  const entity = parseEntity(view, fields)
  const { values, version } = await readOfflineRow(tables, view, { entity, day })
  if (values === undefined) {
    notFound(
      call,
      { view, entity },
      `no row as of ${formatDay(day)} in ${view.tableName}, version ${version}`,
    )
  } else if (call.json) {
    const since = Object.fromEntries(await coverageOf(pipeline, view, records))
    const head = { view: view.title, entity: entityData(view, entity), found: true }
    const covered = Object.keys(since).length === 0 ? {} : { since }
    call.out.json({ ...head, day: formatDay(day), tableVersion: version, row: values, ...covered })
  } else {
    const since = await coverageOf(pipeline, view, records)
    call.out.line(
      `${view.title} ${entityWords(view, entity)}, row as of ${formatDay(day)}, table version ${version}\n`,
    )
    call.out.table(
      ['COLUMN', 'VALUE'],
      Object.entries(values).map(([column, text]) => [column, text ?? nullWords(column, since)]),
    )
  }
}

function notFound(call: Call<GetOptions>, { view, entity }: Wanted, why: string): void {
  call.fail(1)
  if (call.json) {
    call.out.json({ view: view.title, entity: entityData(view, entity), found: false, why })
  } else {
    call.tell(`${view.title} ${entityWords(view, entity)}: ${why}`)
  }
}

function noSink(key: string, what: string): TidemarkError {
  return new TidemarkError(
    'USAGE',
    `get: the pipeline has no ${key}, so there is no ${what} to read. Add it and run again`,
  )
}
