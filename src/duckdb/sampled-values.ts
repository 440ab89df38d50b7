/**
 * How the numbers of two sides of a table lie: quantiles per column and day, and of all days. Exact for few rows; for many they
 * are those of a sample of entities, chosen by a hash of the row's place, hence the same entities on both sides.
 */
import { randomUUID } from 'node:crypto'
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import { QUANTILES } from '../replay/comparison.ts'
import type { DuckDb } from './database.ts'
import { DAY, dayFilesSql, PARTITION } from './day-files.ts'
import type { DayFiles } from './day-files.ts'
import { isNumber } from './day-profiles.ts'
import { sampled } from './difference-sql.ts'
import { quoteName } from './sql.ts'

/** Values of all columns of a row are held at once. */
const SAMPLED_VALUES_MAX = 4_000_000

export type Side = 'before' | 'after'

export class SampledValues implements AsyncDisposable {
  readonly #database: DuckDb
  readonly #table: string
  readonly #columns: readonly ColumnSpec[]
  readonly #entity: readonly ColumnSpec[]
  readonly #oneIn: number

  private constructor(database: DuckDb, parts: SampleParts) {
    this.#database = database
    this.#table = quoteName(`sample-${randomUUID()}`)
    this.#columns = parts.columns.filter(({ type }) => isNumber(type))
    this.#entity = parts.entity
    const perRow = 2 * Math.max(1, this.#columns.length)
    this.#oneIn = Math.ceil((parts.rows * perRow) / SAMPLED_VALUES_MAX)
  }

  static async create(database: DuckDb, parts: SampleParts): Promise<SampledValues> {
    const values = new SampledValues(database, parts)
    const columns = values.#columns.map((_, i) => `, c${i} DOUBLE`)
    await database.run(
      `CREATE TABLE ${values.#table} (side VARCHAR, day INTEGER${columns.join('')})`,
    )
    return values
  }

  /** Takes from rows what belongs to the sample. */
  async add(side: Side, files: readonly DayFiles[]): Promise<void> {
    if (files.length === 0) return
    const columns = [...this.#entity, ...this.#columns]
    const keys = [DAY, PARTITION, ...this.#entity.map(({ name }) => quoteName(name))]
    const values = this.#columns.map(({ name }) => `, ${quoteName(name)}::DOUBLE`)
    await this.#database.run(
      `INSERT INTO ${this.#table} SELECT '${side}', ${DAY}${values.join('')} ` +
        `FROM ${dayFilesSql(files, columns)} WHERE ${sampled(keys, this.#oneIn)}`,
    )
  }

  /** By column, as QUANTILES has them. Of a day; of all days without one. */
  async quantiles(): Promise<(side: Side, day?: DayIndex) => Readonly<Record<string, Quantiles>>> {
    const lists = this.#columns.map(
      (_, i) => `, quantile_disc(c${i}, [${QUANTILES.join(', ')}]) AS q${i}`,
    )
    const rows = await this.#database.rows(
      `SELECT side, day${lists.join('')} FROM ${this.#table} GROUP BY GROUPING SETS ((side, day), (side))`,
    )
    const found = new Map(
      rows.map((row) => [
        `${row['side'] as Side} ${(row['day'] as DayIndex | null) ?? 'all'}`,
        Object.fromEntries(
          this.#columns.map(({ name }, i) => [name, (row[`q${i}`] ?? []) as Quantiles]),
        ),
      ]),
    )
    return (side, day) => found.get(`${side} ${day ?? 'all'}`) ?? {}
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.run(`DROP TABLE ${this.#table}`)
  }
}

export type Quantiles = readonly (number | null)[]

export interface SampleParts {
  readonly entity: readonly ColumnSpec[]
  readonly columns: readonly ColumnSpec[]
  /** Of the larger side. */
  readonly rows: number
}
