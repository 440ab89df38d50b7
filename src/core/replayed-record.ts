/**
 * What may follow a generation with a replay: everything but another meaning under an old name. Views come and go, columns are
 * filled for the days behind them, the time policy changes; the record that the replay is to publish says so.
 *
 * A version's columns never change what they mean: readers joined them under that name. Such a change is a new version, which
 * stands beside the old one until that is taken out of the file.
 */
import type { DayIndex } from './day.ts'
import { policyDifferences } from './generation.ts'
import type { GenerationRecord, Policy, RecordedColumn, RecordedView } from './generation.ts'
import { titleOf } from './view-title.ts'

export type ReplayedChange =
  /** The file means what the stored generation means: the replay counts the same anew. */
  | { readonly kind: 'same' }
  | {
      readonly kind: 'changed'
      /** The next generation's, without a hand-over. */
      readonly record: GenerationRecord
      /** Titles of the views whose rows are not those of the stored generation any more. */
      readonly views: readonly string[]
      /** Titles of views that the next generation no longer writes. */
      readonly retired: readonly string[]
      /** Stored tiles hold all that the changed rows need: the log need not be read for them. */
      readonly answeredByTiles: boolean
      /** What changes, a line each, for people. */
      readonly differences: readonly string[]
    }
  /** No replay can bring this in. */
  | { readonly kind: 'refused'; readonly differences: readonly string[] }

export interface ReplayedRows {
  /** First day whose rows the replay writes; rows before it keep what they say. Undefined: all that there are. */
  readonly from?: DayIndex
  /** Columns that were added without a replay, so that earlier rows have null in them, get their values. */
  readonly fillsColumns?: boolean
}

/** @param wanted what the pipeline file says now */
export function replayedRecord(
  stored: GenerationRecord,
  wanted: GenerationRecord,
  { from, fillsColumns = false }: ReplayedRows = {},
): ReplayedChange {
  const refused = [...unmovable(stored, wanted), ...viewConflicts(stored, wanted)]
  if (refused.length > 0) return { kind: 'refused', differences: refused }
  const judging = policyDifferences(stored, wanted)
  const steps = orderViews(stored, wanted).map(({ before, after }) => {
    const isFilled = fillsColumns && before !== undefined && unfilled(before, after).length > 0
    const isSame = before?.hash === after.hash && judging.length === 0 && !isFilled
    return { before, after, isSame, isFromTiles: isSame || tilesAnswer(before, after) }
  })
  const gone = stored.views.filter((view) => !wanted.views.some((each) => isSameView(each, view)))
  const changed = steps.filter(({ isSame }) => !isSame)
  if (changed.length === 0 && gone.length === 0) return { kind: 'same' }
  const { handOver: _, ...kept } = stored
  return {
    kind: 'changed',
    record: {
      ...kept,
      generation: stored.generation + 1,
      semantics: wanted.semantics,
      zoneData: wanted.zoneData,
      policy: wanted.policy,
      views: steps.map(({ before, after, isSame }) =>
        isSame && before ? before : rewritten(before, after, from),
      ),
    },
    views: changed.map(({ after }) => titleOf(after)),
    retired: gone.map(titleOf),
    answeredByTiles: judging.length === 0 && steps.every(({ isFromTiles }) => isFromTiles),
    differences: [
      ...judging,
      ...changed.flatMap(({ before, after }) => changeWords(before, after)),
      ...gone.map((view) => `views.${titleOf(view)}: no longer written`),
    ],
  }
}

function isSameView(a: RecordedView, b: RecordedView): boolean {
  return a.name === b.name && a.version === b.version
}

/** Kept ones first, in the order of their numbers in states; then those that are new. */
function orderViews(
  stored: GenerationRecord,
  wanted: GenerationRecord,
): { readonly before: RecordedView | undefined; readonly after: RecordedView }[] {
  const kept = stored.views.flatMap((before) => {
    const after = wanted.views.find((view) => isSameView(view, before))
    return after === undefined ? [] : [{ before, after }]
  })
  const added = wanted.views.filter((view) => !kept.some(({ after }) => after === view))
  return [...kept, ...added.map((after) => ({ before: undefined, after }))]
}

/** What tables and states are laid out by. */
function unmovable(stored: GenerationRecord, wanted: GenerationRecord): string[] {
  const found: string[] = []
  if (stored.pipeline !== wanted.pipeline) {
    found.push(
      `name: was ${stored.pipeline}, is now ${wanted.pipeline}: states and online values are found under it`,
    )
  }
  if (stored.slots !== wanted.slots) {
    found.push(
      `sinks.offline.slots: was ${stored.slots}, is now ${wanted.slots}: days that are not replayed would be split in another way than those that are`,
    )
  }
  return found
}

/** What days and entities are: an old column would mean something else from one row to the next. */
const MEANINGS: readonly (readonly [key: string, of: (policy: Policy) => unknown])[] = [
  ['time.zone', ({ zone }) => zone],
  ['source.key', ({ key }) => key],
  [
    'source.event.time',
    ({ event }) => (JSON.parse(event) as readonly [id: unknown, time: unknown])[1],
  ],
]

function viewConflicts(stored: GenerationRecord, wanted: GenerationRecord): string[] {
  const others = MEANINGS.filter(
    ([, of]) => JSON.stringify(of(stored.policy)) !== JSON.stringify(of(wanted.policy)),
  )
  return wanted.views.flatMap((after) => {
    const before = stored.views.find((view) => isSameView(view, after))
    if (before === undefined) return []
    const where = `views.${after.name}`
    const way = `give the view a new version: \`${after.name}@${nextVersion(after.name, stored, wanted)}\``
    const found = others.map(
      ([key]) => `${where}: ${key} is another one, under version ${after.version}; ${way}`,
    )
    if (before.base !== after.base) {
      found.push(`${where}: another entity or filter under version ${after.version}; ${way}`)
    }
    for (const [name, { meaning }] of Object.entries(after.columns)) {
      const known = before.columns[name]
      if (known !== undefined && known.meaning !== meaning)
        found.push(`${where}: the column ${name} means something else; ${way}`)
    }
    return found
  })
}

function nextVersion(name: string, ...records: readonly GenerationRecord[]): number {
  const ofName = records.flatMap(({ views }) => views.filter((view) => view.name === name))
  return Math.max(...ofName.map(({ version }) => version)) + 1
}

/** Tiles of all days stay in their table, so that any window can be merged from them; what they do not hold they never will. */
function tilesAnswer(before: RecordedView | undefined, after: RecordedView): boolean {
  return before !== undefined && after.aggregates.every((key) => before.aggregates.includes(key))
}

/** Columns of which earlier rows have null only because they came without a replay. */
function unfilled(before: RecordedView, after: RecordedView): string[] {
  return Object.keys(after.columns).filter(
    (name) => before.columns[name]?.since !== undefined && after.columns[name]?.since === undefined,
  )
}

function rewritten(
  before: RecordedView | undefined,
  after: RecordedView,
  from: DayIndex | undefined,
): RecordedView {
  if (from === undefined) return after
  const columns: Record<string, RecordedColumn> = {}
  for (const [name, column] of Object.entries(after.columns)) {
    const known = before?.columns[name]
    const since = known === undefined ? from : Math.min(known.since ?? -Infinity, from)
    const bound = Math.max(column.since ?? -Infinity, since)
    columns[name] = { meaning: column.meaning, ...(bound === -Infinity ? {} : { since: bound }) }
  }
  if (before === undefined) return { ...after, columns }
  const earlier = before.earlier.filter((each) => each.before < from)
  const inForce = before.earlier.find((each) => each.before >= from)?.hash ?? before.hash
  const isAnother = inForce !== after.hash
  return {
    ...after,
    columns,
    earlier: isAnother ? [...earlier, { hash: inForce, before: from }] : earlier,
  }
}

function changeWords(before: RecordedView | undefined, after: RecordedView): string[] {
  const where = `views.${titleOf(after)}`
  if (before === undefined) return [`${where}: new`]
  const added = Object.keys(after.columns).filter((name) => before.columns[name] === undefined)
  const gone = Object.keys(before.columns).filter((name) => after.columns[name] === undefined)
  const filled = unfilled(before, after)
  const words = [
    ...(filled.length > 0 ? [`${where}: filled for earlier days ${filled.join(', ')}`] : []),
    ...(added.length > 0 ? [`${where}: added ${added.join(', ')}`] : []),
    ...(gone.length > 0 ? [`${where}: no longer written ${gone.join(', ')}`] : []),
    ...(before.longestWindow === after.longestWindow
      ? []
      : [`${where}: longest window ${before.longestWindow} d -> ${after.longestWindow} d`]),
  ]
  if (words.length > 0 || before.hash === after.hash) return words
  return [`${where}: another definition of the same columns`]
}
