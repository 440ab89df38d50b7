/** The tables of a pipeline as another process sees them: through a snapshot of its own, read by DuckDB. */
import path from 'node:path'
import { OpenedParts, openTables } from '../../../src/cli/compose.ts'
import { systemClock } from '../../../src/cli/system-clock.ts'
import { DAY_MS } from '../../../src/core/day.ts'
import type { Pipeline, ViewDefinition } from '../../../src/core/definition.ts'
import type { Value } from '../../../src/core/value.ts'
import type { DuckDb, Row } from '../../../src/duckdb/database.ts'
import { readFilesSql } from '../../../src/duckdb/sql.ts'
import type { DeltaTableStore } from '../../../src/table/delta-table.ts'
import { viewTable, withLocalFiles } from '../../../src/table/view.ts'
import type { ActualRow, ActualSinks, ActualTile } from '../../support/compare-sinks.ts'
import { SILENT } from '../../support/silent-log.ts'

export class TableReader implements AsyncDisposable {
  readonly #pipeline: Pipeline
  readonly #opened: OpenedParts
  readonly #store: DeltaTableStore
  readonly #database: DuckDb

  private constructor(
    pipeline: Pipeline,
    opened: OpenedParts,
    { store, database }: { readonly store: DeltaTableStore; readonly database: DuckDb },
  ) {
    this.#pipeline = pipeline
    this.#opened = opened
    this.#store = store
    this.#database = database
  }

  /** @param state a directory of its own, for what DuckDB spills */
  static async open(pipeline: Pipeline, state: string): Promise<TableReader> {
    const { offline } = pipeline.sinks
    if (offline === undefined) throw new Error('an offline sink')
    const opened = new OpenedParts()
    const surroundings = { clock: systemClock, log: SILENT }
    const tables = await openTables({ ...pipeline, state }, offline, opened, surroundings)
    return new TableReader(pipeline, opened, tables)
  }

  static beside(pipeline: Pipeline, directory: string): Promise<TableReader> {
    return TableReader.open(pipeline, path.join(directory, 'reader'))
  }

  /** @throws TABLE_REFUSED where there is no table yet */
  async read(name: string): Promise<Row[]> {
    const table = this.#store.table(name)
    const { files, columns } = await viewTable(table)
    return withLocalFiles(table, files, (paths) =>
      this.#database.rows(`SELECT * FROM ${readFilesSql(paths, columns)}`),
    )
  }

  async complete(name: string): Promise<ReadonlyMap<number, number>> {
    return (await viewTable(this.#store.table(name))).complete
  }

  /** All tables of all views. */
  async sinks(): Promise<Pick<ActualSinks, 'rows' | 'tiles'>> {
    const rows = new Map<string, ActualRow[]>()
    const tiles = new Map<string, ActualTile[]>()
    for (const view of this.#pipeline.views) {
      const name = `${view.name}_v${view.version}`
      const viewRows = await this.read(name)
      const viewTiles = await this.read(`${name}__tiles`)
      rows.set(
        view.name,
        viewRows.map((row) => featureRow(view, row)),
      )
      tiles.set(
        view.name,
        viewTiles.map((row) => tileRow(view, row)),
      )
    }
    return { rows, tiles }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]()
  }
}

function dayOf(row: Row): number {
  return Date.parse(row['ds'] as string) / DAY_MS
}

function split(
  { entity }: ViewDefinition,
  row: Row,
): { entity: Value[]; values: Map<string, Value> } {
  const features = Object.entries(row).filter(
    ([name]) => !name.startsWith('_') && !['ds', 'event_timestamp', ...entity].includes(name),
  )
  return {
    entity: entity.map((name) => row[name] as Value),
    values: new Map(features as [string, Value][]),
  }
}

function featureRow(view: ViewDefinition, row: Row): ActualRow {
  return {
    ...split(view, row),
    day: dayOf(row),
    eventTimestamp: row['event_timestamp'] as number,
    maxEventTime: row['_max_event_time'] as number | null,
    completeFrom: row['_complete_from'] as number,
  }
}

function tileRow(view: ViewDefinition, row: Row): ActualTile {
  return {
    ...split(view, row),
    day: dayOf(row),
    offset: row['_offset'] as number,
    maxEventTime: row['_max_event_time'] as number,
  }
}
