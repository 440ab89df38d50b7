/**
 * What may follow a generation without a replay: the same definitions, or such with columns added that need none.
 *
 * Added without more: what stored tiles answer (a derived column, a window no longer than the longest, a feature whose
 * aggregate is kept already). With `since: DAY`, a day after every event so far: a feature that tiles do not hold; it
 * counts records of that day and later. Rows of earlier days have null in an added column, whenever they are rewritten.
 */
import type { DayIndex } from './day.ts'
import { formatDay } from './day.ts'
import type { GenerationRecord, RecordedColumn, RecordedView } from './generation.ts'

/** Where the states stand at the offset from which the next generation holds. */
export interface StatesNow {
  /** Last day that any partition has closed; undefined where none has. */
  readonly closedDay: DayIndex | undefined
  /** Newest day with an event; undefined before the first. */
  readonly newestDay: DayIndex | undefined
}

export type GenerationChange =
  | { readonly kind: 'same' }
  | { readonly kind: 'additive'; readonly record: GenerationRecord }
  | { readonly kind: 'refused'; readonly differences: readonly string[] }

export function compareGenerations(
  stored: GenerationRecord,
  wanted: GenerationRecord,
  now: StatesNow,
): GenerationChange {
  const differences: string[] = []
  const views = stored.views.map((before) => {
    const after = wanted.views.find((view) => isSameView(view, before))
    if (after === undefined) {
      differences.push(`views.${before.name}: version ${before.version} is gone`)
      return before
    }
    return before.hash === after.hash ? before : extendView(before, after, { now, differences })
  })
  for (const view of wanted.views) {
    if (stored.views.some((before) => isSameView(view, before))) continue
    differences.push(
      `views.${view.name}: version ${view.version} is new: a replay fills it from the log`,
    )
  }
  if (differences.length > 0) return { kind: 'refused', differences }
  if (views.every((view, i) => view === stored.views[i])) return { kind: 'same' }
  const { handOver: _, ...kept } = stored
  return { kind: 'additive', record: { ...kept, generation: stored.generation + 1, views } }
}

function isSameView(a: RecordedView, b: RecordedView): boolean {
  return a.name === b.name && a.version === b.version
}

function extendView(
  before: RecordedView,
  after: RecordedView,
  { now, differences }: { readonly now: StatesNow; readonly differences: string[] },
): RecordedView {
  const where = `views.${before.name}`
  if (before.base !== after.base)
    differences.push(`${where}: another entity or filter under version ${before.version}`)
  if (after.longestWindow !== before.longestWindow) {
    differences.push(
      `${where}: the longest window was ${before.longestWindow} days and is now ${after.longestWindow}: it decides which rows and tiles there are`,
    )
  }
  for (const name of Object.keys(before.columns)) {
    if (after.columns[name] === undefined) differences.push(`${where}: the column ${name} is gone`)
  }
  const columns: Record<string, RecordedColumn> = {}
  for (const [name, column] of Object.entries(after.columns)) {
    const known = before.columns[name]
    if (known !== undefined && known.meaning !== column.meaning) {
      differences.push(`${where}: the column ${name} means something else`)
    }
    columns[name] =
      known ??
      addedColumn(column, { before, now, differences, where: `${where}: the added column ${name}` })
  }
  const earlier =
    now.closedDay === undefined ? [] : [{ hash: before.hash, before: now.closedDay + 1 }]
  return { ...after, columns, earlier: [...before.earlier, ...earlier] }
}

function addedColumn(
  column: RecordedColumn,
  context: {
    readonly before: RecordedView
    readonly now: StatesNow
    readonly differences: string[]
    readonly where: string
  },
): RecordedColumn {
  const { before, now, differences, where } = context
  const since = now.closedDay === undefined ? {} : { since: now.closedDay + 1 }
  const [key, days] = JSON.parse(column.meaning) as [string, number | null]
  const isAggregate = key.startsWith('[')
  if (!isAggregate || (before.aggregates.includes(key) && (days ?? 0) <= before.longestWindow)) {
    return { meaning: column.meaning, ...since }
  }
  const earliest = (now.newestDay ?? -Infinity) + 1
  if (column.since !== undefined && column.since >= earliest) return column
  differences.push(
    `${where} counts what stored tiles do not hold; give its feature ${earliest === -Infinity ? 'a `since`' : `\`since: ${formatDay(earliest)}\` or later`}, or the view a new version`,
  )
  return column
}
