/**
 * Feeds row buffers to DuckDB: a table function that COPY reads from, 2048 rows at a time, on the JavaScript thread.
 *
 * Memory stays at one chunk beside the buffer (appending to a DuckDB table was measured at six times as much). Numbers
 * go over in bulk through the arrays behind DuckDB's vectors. Those are no public API, so that each is looked at before
 * use and values go one by one through `setItem` where it is not what we know.
 */
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBTableFunction,
  INTEGER,
  TIMESTAMPTZ,
  VARCHAR,
  type DuckDBDataChunk,
  type DuckDBType,
} from '@duckdb/node-api'
import type { ColumnSpec, ColumnVector, RowBuffer } from '../core/columns.ts'
import type { ColumnType } from '../core/value.ts'
import { invariant } from '../errors.ts'
import { constantTexts, withConstants } from './constant-columns.ts'
import { fillVector } from './fill-vector.ts'

/** DuckDB's vector size: a chunk holds at most so many rows. */
const CHUNK_ROWS = 2048

interface Source {
  /** Those that differ from row to row. */
  readonly columns: readonly SourceColumn[]
  readonly rowCount: number
  next: number
}

interface SourceColumn {
  readonly spec: ColumnSpec
  readonly vector: ColumnVector
}

export class RowSources {
  readonly #sources = new Map<number, Source>()
  #lastId = 0

  /** Makes `rows` readable once, as the relation that `from` is given, until the work is done. */
  async lend<T>(
    columns: readonly ColumnSpec[],
    rows: RowBuffer,
    work: (relation: string) => Promise<T>,
  ): Promise<T> {
    invariant(columns.length === rows.columns.length, 'a row buffer has the columns of its table')
    const id = ++this.#lastId
    const texts = constantTexts(rows)
    this.#sources.set(id, { columns: varying(columns, rows, texts), rowCount: rows.rows, next: 0 })
    try {
      return await work(withConstants(`tidemark_rows(${id})`, columns, texts))
    } finally {
      this.#sources.delete(id)
    }
  }

  tableFunction(): DuckDBTableFunction {
    return DuckDBTableFunction.create({
      name: 'tidemark_rows',
      parameterTypes: [INTEGER],
      bindFunction: (bind) => {
        const source = this.#sources.get(Number(bind.getParameter(0)))
        invariant(source, 'a row source is read while it is lent')
        for (const { spec } of source.columns) {
          bind.addResultColumn(spec.name, duckDbType(spec.type))
        }
        bind.setCardinality(source.rowCount, true)
        bind.setBindData(source)
      },
      initFunction: (init) => {
        const source = init.getBindData() as Source
        source.next = 0
        init.setInitData(source)
      },
      mainFunction: (info, chunk) => {
        fillChunk(info.getInitData() as Source, chunk)
      },
    })
  }
}

function fillChunk(source: Source, chunk: DuckDBDataChunk): void {
  const start = source.next
  const count = Math.min(CHUNK_ROWS, source.rowCount - start)
  source.next = start + count
  chunk.rowCount = count
  if (count === 0) return
  source.columns.forEach(({ vector }, i) => {
    fillVector(chunk.getColumnVector(i), vector, { start, count })
  })
}

/** The columns without a constant; one of them all where every column has one, since a relation needs a column. */
function varying(
  columns: readonly ColumnSpec[],
  rows: RowBuffer,
  texts: readonly (string | undefined)[],
): SourceColumn[] {
  const paired = rows.columns.map((vector, i) => ({ spec: columns[i]!, vector }))
  const rest = paired.filter((_, i) => texts[i] === undefined)
  return rest.length > 0 ? rest : paired.slice(0, 1)
}

function duckDbType(type: ColumnType): DuckDBType {
  switch (type.kind) {
    case 'string':
      return VARCHAR
    case 'int32':
      return INTEGER
    case 'int64':
      return BIGINT
    case 'double':
      return DOUBLE
    case 'boolean':
      return BOOLEAN
    case 'decimal':
      return DECIMAL(type.precision, type.scale)
    case 'timestamp':
      return TIMESTAMPTZ
    case 'date':
      return DATE
    case 'binary':
      return BLOB
  }
}
