/**
 * The gates of live days: soon after a day is complete in a table it is held against `validate` of its view, and again when late
 * records change it. What is beyond a limit is logged and is a metric; it never holds a write back.
 *
 * One process of a group looks, that which has partition 0: rows of all partitions count together.
 */
import type { DayIndex } from '../core/day.ts'
import type { ViewGates } from '../core/view-gates.ts'
import { planViews } from '../core/view-plan.ts'
import type { RunParts, RunProgress } from '../engine/parts.ts'
import type { DayProfile } from '../replay/day-profile.ts'
import { checkGates } from '../replay/gates.ts'
import type { GateResult } from '../replay/gates.ts'
import { viewTable } from '../table/view.ts'
import type { OpenTables } from './compose.ts'
import { countDays } from './count-days.ts'
import { MinuteLook } from './minute-look.ts'
import { tableSide } from './replay-files.ts'
import type { TableSide } from './replay-files.ts'

type WatchedTables = Pick<OpenTables, 'store' | 'database'>

interface WatchedView {
  readonly title: string
  readonly tableName: string
  readonly gates: ViewGates
  /** What was counted last, by day: with the files that it was counted from. */
  counted: ReadonlyMap<
    DayIndex,
    { readonly files: string; readonly profile: DayProfile | undefined }
  >
  version: number | undefined
  results: readonly GateResult[]
}

interface Looked {
  readonly side: TableSide
  readonly day: DayIndex
  readonly signal: AbortSignal
}

type WatchParts = Pick<RunParts, 'pipeline' | 'clock' | 'log'>

export class GateWatch implements AsyncDisposable {
  readonly #parts: WatchParts
  readonly #tables: WatchedTables
  readonly #views: readonly WatchedView[]
  readonly #minutes: MinuteLook

  constructor(parts: WatchParts, tables: WatchedTables) {
    this.#parts = parts
    this.#tables = tables
    this.#views = planViews(parts.pipeline).flatMap(
      ({ title, tableName, definition: { gates } }) =>
        gates
          ? [{ title, tableName, gates, counted: new Map(), version: undefined, results: [] }]
          : [],
    )
    this.#minutes = new MinuteLook(parts.clock, (signal) => this.#lookAtAll(signal))
  }

  /** Those of the newest complete day of each view. */
  get results(): readonly GateResult[] {
    return this.#views.flatMap(({ results }) => results)
  }

  /** Begins a look where one is due: at a table that has not changed it costs one listing of its log. */
  update(progress: RunProgress): void {
    if (this.#views.length === 0 || this.#minutes.update(progress)) return
    for (const view of this.#views) view.results = []
  }

  async #lookAtAll(signal: AbortSignal): Promise<void> {
    for (const view of this.#views) {
      try {
        if (!signal.aborted) await this.#look(view, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#parts.log.warn(
          { view: view.title, error },
          `${view.title}: the limits of its days (validate) could not be looked at; it is tried again`,
        )
      }
    }
  }

  async #look(view: WatchedView, signal: AbortSignal): Promise<void> {
    const side = await tableSide(this.#tables.store.table(view.tableName))
    if (side.version === undefined || side.version === view.version) return
    const { complete } = await viewTable(side.table, side.version)
    if (complete.size === 0) return
    const day = Math.min(...complete.values())
    const profiles = await this.#profiles(view, { side, day, signal })
    const firstDay = side.files[0]?.day
    this.#tell(view, checkGates(view.title, view.gates, { judged: [day], firstDay, profiles }))
    view.version = side.version
  }

  /** Of the day and those before it; only days whose files changed are counted anew. */
  async #profiles(
    view: WatchedView,
    { side, day, signal }: Looked,
  ): Promise<ReadonlyMap<DayIndex, DayProfile>> {
    const { gates } = view
    const days = Array.from({ length: gates.previousDays + 1 }, (_, index) => day - index)
    const names = new Map(
      days.map((each) => [
        each,
        side.files.flatMap((file) => (file.day === each ? file.path : [])).join(),
      ]),
    )
    const stale = new Set(days.filter((each) => view.counted.get(each)?.files !== names.get(each)))
    const files = side.files.filter((file) => stale.has(file.day)).map((file) => ({ side, file }))
    const { database } = this.#tables
    const found = await countDays([side], files, gates, { database, signal })
    view.counted = new Map(
      days.map((each) => {
        const profile = stale.has(each) ? found.get(each) : view.counted.get(each)?.profile
        return [each, { files: names.get(each) ?? '', profile }]
      }),
    )
    const known = [...view.counted].flatMap(([each, { profile }]) =>
      profile ? ([[each, profile]] as const) : [],
    )
    return new Map(known)
  }

  /** A line of the log for what was not beyond its limit, or not that far, the last time. */
  #tell(view: WatchedView, results: readonly GateResult[]): void {
    const told = new Set(view.results.filter(({ passed }) => !passed).map(({ message }) => message))
    for (const { passed, message, gate, column, worst } of results) {
      if (passed || told.has(message)) continue
      this.#parts.log.warn({ view: view.title, gate, column, ...worst }, message)
    }
    view.results = results
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#minutes[Symbol.asyncDispose]()
  }
}
