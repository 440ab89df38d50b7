/**
 * The rows of the last complete day as values of the online store, for want of a state. Each has a version below that of any value which an
 * owner tells, and no marker says that anything was told: the next owner tells every value anew.
 */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import { formatValue } from '../core/text.ts'
import type { Value } from '../core/value.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { Row } from '../duckdb/database.ts'
import { readFilesSql } from '../duckdb/sql.ts'
import type { Clock, OnlineStore, OnlineValue } from '../engine/ports.ts'
import { viewTable, withLocalFiles } from '../table/view.ts'
import type { OpenTables } from './compose.ts'

export interface TableTelling {
  readonly tables: OpenTables
  readonly views: readonly ViewPlan[]
  readonly generation: number
  readonly store: OnlineStore
  readonly clock: Clock
  readonly partitions: ReadonlySet<number>
  readonly valuesPerSecond: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

export interface ToldViews {
  readonly views: readonly {
    readonly view: string
    readonly day: DayIndex
    /** It serves today's events otherwise. */
    readonly current: boolean
  }[]
  readonly partitions: readonly {
    readonly partition: number
    readonly written: number
    readonly refused: number
  }[]
}

/** Below every record: what an owner tells replaces it, and it replaces nothing of this generation. */
const NO_OFFSET = -1

/** @throws TABLE_*, ONLINE_* */
export async function tellTableRows(telling: TableTelling): Promise<ToldViews> {
  const { tables, views, partitions, signal } = telling
  const told: { view: string; day: DayIndex; current: boolean }[] = []
  const counts = new Map([...partitions].map((each) => [each, { written: 0, refused: 0 }]))
  const found = await Promise.all(views.map((view) => lastDays(tables, view, partitions)))
  const total = found.flat().reduce((sum, { rows }) => sum + rows, 0)
  const pace = new ValuePace(telling, total)
  for (const [index, view] of views.entries()) {
    for (const { partition, day, paths, table, columns } of found[index] ?? []) {
      const count = counts.get(partition)
      if (signal.aborted || count === undefined) break
      if (!told.some((each) => each.view === view.title && each.day === day))
        told.push({ view: view.title, day, current: view.definition.online === 'current' })
      await withLocalFiles(table, paths, async (local) => {
        const sql = `SELECT * FROM ${readFilesSql(local, columns)}`
        for await (const rows of tables.database.batches(sql)) {
          if (signal.aborted) return
          const values = rows.map((row) => valueOf(view, row, { ...telling, partition, day }))
          const { written, refused } = await telling.store.write(values)
          count.written += written
          count.refused += refused
          await pace.after(values.length)
        }
      })
    }
  }
  return {
    views: told,
    partitions: [...counts].map(([partition, count]) => ({ partition, ...count })),
  }
}

/** Of each partition the last complete day that has files. */
async function lastDays(tables: OpenTables, view: ViewPlan, partitions: ReadonlySet<number>) {
  const table = tables.store.table(view.tableName)
  const { files, complete, columns } = await viewTable(table)
  return [...complete]
    .filter(([partition]) => partitions.has(partition))
    .map(([partition, day]) => {
      const paths = files.filter((file) => file.partition === partition && file.day === day)
      const rows = paths.reduce((sum, file) => sum + file.rows, 0)
      return { partition, day, paths, rows, table, columns }
    })
}

function valueOf(
  view: ViewPlan,
  row: Row,
  at: {
    readonly generation: number
    readonly partition: number
    readonly day: DayIndex
  },
): OnlineValue {
  const { definition, entity, entityColumns, onlineName } = view
  const eventTime = row['_max_event_time'] ?? null
  return {
    view: onlineName,
    entity: entity.encode(entityColumns.map(({ name }) => (row[name] ?? null) as Value)),
    partition: at.partition,
    version: { generation: at.generation, offset: NO_OFFSET, day: at.day },
    fields: view.features.flatMap((column) => fieldOf(column, row)),
    nextDay: at.day + 1,
    watermark: eventTime === null ? -Infinity : Number(eventTime),
    eventTime: eventTime === null ? undefined : Number(eventTime),
    state: 'provisional',
    definition: definition.hash,
    ttlMs: definition.ttlMs,
  }
}

function fieldOf({ name, type }: Pick<ColumnSpec, 'name' | 'type'>, row: Row): [string, string][] {
  const value = (row[name] ?? null) as Value
  return value === null || type.kind === 'binary' ? [] : [[name, formatValue(value, type)]]
}

/** So many values a second, on average since the first. */
class ValuePace {
  readonly #telling: TableTelling
  readonly #total: number
  readonly #startedMs: number
  #done = 0

  constructor(telling: TableTelling, total: number) {
    this.#telling = telling
    this.#total = total
    this.#startedMs = telling.clock.monotonicMs()
  }

  async after(values: number): Promise<void> {
    const { clock, valuesPerSecond, signal, onProgress } = this.#telling
    this.#done += values
    onProgress(this.#done, this.#total)
    const aheadMs = (this.#done / valuesPerSecond) * 1_000 - (clock.monotonicMs() - this.#startedMs)
    if (aheadMs > 0) await clock.sleep(aheadMs, signal)
  }
}
