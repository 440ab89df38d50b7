/** The tile tables of a pipeline as a replay loads them: a day of a partition at a time, each table at the version that it had first. */
import type { Value } from '../core/value.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { DuckDb } from '../duckdb/database.ts'
import { quoteName, readFilesSql } from '../duckdb/sql.ts'
import type { TileRow, TileTables } from '../replay/load-tiles.ts'
import type { LocalFile } from '../storage/object-storage.ts'
import type { DeltaTable, DeltaTableStore } from '../table/delta-table.ts'
import { viewTable } from '../table/view.ts'
import type { DataFile } from '../table/view.ts'

export function openTileTables(tables: DeltaTableStore, database: DuckDb): TileTables {
  const known = new Map<string, Promise<readonly DataFile[]>>()
  const filesOf = (table: DeltaTable): Promise<readonly DataFile[]> => {
    const files = known.get(table.name) ?? filesNow(table)
    known.set(table.name, files)
    return files
  }
  return {
    firstDay: async (view, partition) => {
      const files = await filesOf(tables.table(`${view.tableName}__tiles`))
      const days = files.filter((file) => file.partition === partition).map(({ day }) => day)
      return days.length === 0 ? undefined : days.reduce((a, b) => Math.min(a, b))
    },
    async *rows(view, partition, day) {
      const table = tables.table(`${view.tableName}__tiles`)
      const files = (await filesOf(table)).filter(
        (file) => file.day === day && file.partition === partition,
      )
      for (const generation of new Set(files.map((file) => file.generation))) {
        const group = files.filter((file) => file.generation === generation)
        yield* rowsOfFiles({ database, table, view }, group, generation)
      }
    },
  }
}

async function filesNow(table: DeltaTable): Promise<readonly DataFile[]> {
  const exists = await table.log.latest((snapshot) => snapshot !== undefined)
  return exists ? (await viewTable(table)).files : []
}

async function* rowsOfFiles(
  { database, table, view }: Readonly<{ database: DuckDb; table: DeltaTable; view: ViewPlan }>,
  files: readonly DataFile[],
  generation: number,
): AsyncGenerator<TileRow[]> {
  const local: LocalFile[] = []
  try {
    for (const { path } of files)
      local.push(await table.options.storage.open(`${table.name}/${path}`))
    const names = view.entityColumns.map(({ name }) => name)
    const columns = [...names, '_offset', '_tile'].map(quoteName).join(', ')
    const from = readFilesSql(local.map(({ path }) => path))
    for await (const rows of database.batches(`SELECT ${columns} FROM ${from}`)) {
      yield rows.map((row) => ({
        entity: names.map((name) => row[name] as Value),
        offset: Number(row['_offset']),
        tile: row['_tile'] as Uint8Array,
        generation,
      }))
    }
  } finally {
    for (const file of local) await file[Symbol.asyncDispose]()
  }
}
