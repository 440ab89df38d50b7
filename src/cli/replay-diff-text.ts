/** A diff for people: the verdict first, then where it differs and by how much, then some of the rows. */
import { formatDay } from '../core/day.ts'
import { formatValue } from '../core/text.ts'
import type { ColumnType, Value } from '../core/value.ts'
import { isEqual, isFeature, QUANTILES } from '../replay/comparison.ts'
import type {
  ColumnDifference,
  ColumnDistribution,
  ComparedColumns,
  RowDifference,
  ViewDifference,
} from '../replay/comparison.ts'
import type { Replay } from '../replay/records.ts'
import type { Output } from './output.ts'
import { isDifferent, typeOf } from './replay-diff-data.ts'
import { countWords, plural } from './words.ts'

/** What more there is, `--json` has. */
const DAYS_SHOWN = 31
const COLUMNS_SHOWN = 40
const VALUES_SHOWN = 6

export function tellDiff(
  { out }: { readonly out: Output },
  { plan }: Replay,
  views: readonly ViewDifference[],
): void {
  for (const view of views) {
    out.line(verdict(view))
    tellColumnsOfOneSide(out, view)
    tellColumns(out, view)
    tellDays(out, view)
    tellSample(out, view)
    out.line()
  }
  const different = views.filter((view) => !isEqual(view)).map(({ view }) => view)
  out.line(
    different.length === 0
      ? `replay ${plan.id} is equal to what is live`
      : `replay ${plan.id} differs from what is live: ${different.join(', ')}`,
  )
}

/** `user_activity@1: 12 rows added, none removed, 3,456 changed on 4 of 90 days; 1,234 rows are live, 1,246 staged` */
export function verdict(difference: ViewDifference): string {
  const { view, total, days, liveVersion } = difference
  const { live, staged, added, removed, changed, changedFeatures } = total
  const sides =
    liveVersion === undefined
      ? `there is no live table, ${plural(staged, 'row')} staged`
      : `${plural(live, 'row')} live (version ${liveVersion}), ${countWords(staged)} staged`
  if (isEqual(difference)) return `${view}: equal; ${sides}`
  const rest = changed - changedFeatures
  const only =
    rest > 0 ? ` (${rest === changed ? 'all' : countWords(rest)} of them in no feature)` : ''
  const different = days.filter(isDifferent).length
  return (
    `${view}: ${plural(added, 'row')} added, ${countWords(removed)} removed, ${countWords(changed)} changed${only} ` +
    `on ${different} of ${plural(days.length, 'day')}; ${sides}`
  )
}

function tellColumnsOfOneSide(out: Output, { columns, total }: ViewDifference): void {
  const told = [
    [columns.onlyStaged, 'only the replay has', 'after'],
    [columns.onlyLive, 'only the live table has', 'before'],
  ] as const
  for (const [specs, words, side] of told) {
    if (specs.length === 0) continue
    const names = specs.map(({ name }) => {
      const values = total.columns[name]?.[side]
      return values === undefined ? name : `${name} (${nullWords(values)} null)`
    })
    out.line(`  ${words} ${names.join(', ')}`)
  }
}

function tellColumns(out: Output, { total, columns }: ViewDifference): void {
  const movesAll = total.added + total.removed > 0
  const told = columns.common.filter(
    (column) => (total.columns[column.name]?.changed ?? 0) > 0 || (movesAll && isFeature(column)),
  )
  if (told.length === 0) return
  const rows = told.slice(0, COLUMNS_SHOWN).flatMap(({ name, type }) => {
    const column = total.columns[name]
    return column === undefined ? [] : columnRows(name, column, type, columns)
  })
  out.line()
  out.table(
    [
      ...['COLUMN', '', 'CHANGED', 'TYPICALLY', 'AT MOST', 'NULL', 'MIN', 'P05', 'MEDIAN'],
      ...['MEAN', 'P95', 'MAX'],
    ],
    rows,
  )
  tellMore(out, told.length - COLUMNS_SHOWN, 'column')
}

function columnRows(
  name: string,
  { changed, typical, largest, before, after }: ColumnDifference,
  type: ColumnType,
  columns: ComparedColumns,
): string[][] {
  const changes = [
    countWords(changed),
    typical === undefined ? '' : number(typical),
    largest === undefined ? '' : number(largest.by),
  ]
  const place = largest && `${entityWords(largest.entity, columns)} ${formatDay(largest.day)}`
  if (before === undefined && after === undefined) return [[name, '', ...changes]]
  return [
    [name, 'live', ...changes, ...distributionWords(before, type)],
    ['', 'staged', '', '', place ?? '', ...distributionWords(after, type)],
  ]
}

function distributionWords(values: ColumnDistribution | undefined, type: ColumnType): string[] {
  if (values === undefined) return []
  const quantile = (share: number): string => {
    const value = values.quantiles[QUANTILES.indexOf(share)]
    return value === null || value === undefined ? '' : number(value)
  }
  const bound = (value: Value): string => (value === null ? '' : valueWords(value, type))
  return [
    nullWords(values),
    bound(values.min),
    quantile(0.05),
    quantile(0.5),
    values.mean === null ? '' : number(values.mean),
    quantile(0.95),
    bound(values.max),
  ]
}

function tellDays(out: Output, { days }: ViewDifference): void {
  const different = days.filter(isDifferent)
  if (different.length === 0) return
  out.line()
  out.table(
    ['DAY', 'LIVE', 'STAGED', 'ADDED', 'REMOVED', 'CHANGED', 'COLUMNS'],
    different
      .slice(0, DAYS_SHOWN)
      .map(({ day, live, staged, added, removed, changed, columns }) => {
        const byCount = Object.entries(columns)
          .filter(([, column]) => column.changed > 0)
          .sort(([, a], [, b]) => b.changed - a.changed)
        const names = byCount.map(([name, column]) => `${name} ${countWords(column.changed)}`)
        const counts = [live, staged, added, removed, changed].map(countWords)
        return [formatDay(day), ...counts, shortList(names)]
      }),
  )
  tellMore(out, different.length - DAYS_SHOWN, 'day')
}

function tellSample(out: Output, { sample, columns }: ViewDifference): void {
  if (sample.length === 0) return
  out.line()
  for (const row of sample) out.line(`  ${rowWords(row, columns)}`)
}

function rowWords({ kind, day, entity, columns }: RowDifference, known: ComparedColumns): string {
  const values = Object.entries(columns)
    // A row that is new or gone differs in everything; its features tell what it was.
    .filter(([name]) => kind === 'changed' || isFeature({ name }))
    .map(([name, { before, after }]) => {
      const type = typeOf(name, known)
      const [was, is] = [before, after].map((value) =>
        value === null ? 'null' : valueWords(value, type),
      ) as [string, string]
      if (kind === 'changed') return `${name} ${was} -> ${is}`
      return `${name} ${kind === 'added' ? is : was}`
    })
  return `${kind} ${formatDay(day)} ${entityWords(entity, known)}: ${shortList(values)}`
}

function tellMore(out: Output, more: number, noun: string): void {
  if (more > 0) out.line(`  and ${plural(more, noun)} more; --json has all`)
}

function shortList(parts: readonly string[]): string {
  const more = parts.length - VALUES_SHOWN
  const shown = parts.slice(0, VALUES_SHOWN).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}

function entityWords(entity: readonly Value[], { entity: specs }: ComparedColumns): string {
  return specs
    .map(({ name, type }, index) => `${name}=${valueWords(entity[index] ?? null, type)}`)
    .join(' ')
}

function valueWords(value: Value, type: ColumnType): string {
  if (value === null) return 'null'
  return typeof value === 'number' && type.kind === 'double'
    ? number(value)
    : formatValue(value, type)
}

function nullWords({ rows, nulls }: ColumnDistribution): string {
  return rows === 0 ? '-' : `${Number(((100 * nulls) / rows).toPrecision(3))} %`
}

function number(value: number): string {
  return String(Number(value.toPrecision(6)))
}
