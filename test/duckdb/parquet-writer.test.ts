import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ColumnSpec, ColumnVector, RowBuffer } from '../../src/core/columns.ts'
import type { ColumnType, Value } from '../../src/core/value.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import { ParquetWriter } from '../../src/duckdb/parquet-writer.ts'
import { quoteReadPath, readFilesSql } from '../../src/duckdb/sql.ts'
import { rowsOf } from '../support/table-fixture.ts'

type CellOf = Value | Uint8Array

/** Values at the ends of each type, and what lies between. */
const EXTREMES: readonly (readonly [ColumnType, readonly CellOf[]])[] = [
  [{ kind: 'string' }, ['', 'ä😀', 'a'.repeat(300), "it's", 'x\0y']],
  [{ kind: 'int32' }, [-2_147_483_648, 2_147_483_647, 0]],
  [{ kind: 'int64' }, [-(2n ** 63n), 2n ** 63n - 1n, 9_007_199_254_740_993n, -1, 0, 4_294_967_296]],
  [{ kind: 'double' }, [5e-324, -1.7976931348623157e308, 0.1, 1e21]],
  [{ kind: 'boolean' }, [true, false]],
  [{ kind: 'date' }, [-719_528, 0, 2_932_896]],
  [
    { kind: 'timestamp' },
    [-62_135_596_800_000, -1, 0, 999, 1_000_000_000_001, 253_402_300_799_999],
  ],
  [{ kind: 'decimal', precision: 4, scale: 2 }, [-9999, 9999, 1]],
  [{ kind: 'decimal', precision: 9, scale: 0 }, [-999_999_999, 999_999_999]],
  [{ kind: 'decimal', precision: 18, scale: 4 }, [-(10n ** 18n) + 1n, 10n ** 18n - 1n, -1]],
  [
    { kind: 'decimal', precision: 38, scale: 10 },
    [-(10n ** 38n) + 1n, 10n ** 38n - 1n, -1, 2n ** 64n],
  ],
  [{ kind: 'binary' }, [new Uint8Array(0), new Uint8Array([0, 255, 128])]],
]

const COLUMNS: readonly ColumnSpec[] = EXTREMES.map(([type], i) => ({ name: `c${i}`, type }))

let directory: string
let database: DuckDb
let writer: ParquetWriter
let files = 0

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-parquet-'))
  database = await DuckDb.open({
    memoryMb: 256,
    threads: 2,
    concurrentMax: 2,
    temporaryDirectory: join(directory, 'spill'),
  })
  writer = new ParquetWriter(database)
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

/** Row i has value i of each column, nulls where a column has fewer; `count` rows in all. */
function extremeRows(count: number): CellOf[][] {
  return Array.from({ length: count }, (_, row) =>
    EXTREMES.map(([, values], column) => {
      const at = (row + column) % (values.length + 1)
      return values[at] ?? null
    }),
  )
}

async function write(rows: RowBuffer, columns = COLUMNS, sortBy: string[] = []): Promise<string> {
  const path = join(directory, `f${files++}.tmp`)
  await writer.write({ path, columns, metadata: { view: "user's", version: '1' } }, rows, sortBy)
  return path
}

async function read(path: string): Promise<CellOf[][]> {
  const rows = await database.rows(`SELECT * FROM read_parquet(${quoteReadPath(path)})`)
  return rows.map((row) => Object.values(row) as CellOf[])
}

/** The same rows, as any other buffer would give them: one value at a time. */
function plainBuffer(rows: readonly (readonly CellOf[])[], specs = COLUMNS): RowBuffer {
  const columns = specs.map(({ type }, i): ColumnVector => {
    return {
      type,
      length: rows.length,
      append: () => {
        throw new Error('read only')
      },
      at: (row) => rows[row]?.[i] ?? null,
    }
  })
  return { columns, rows: rows.length }
}

async function bytesOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

test('T28 every type comes back exact at its ends, nulls as nulls', async () => {
  const rows = extremeRows(40)
  const path = await write(rowsOf(COLUMNS, rows))
  expect(await read(path)).toEqual(rows)
})

test('more rows than a chunk keep their order, with nulls anywhere', async () => {
  const rows = extremeRows(5_000)
  expect(await read(await write(rowsOf(COLUMNS, rows)))).toEqual(rows)
})

test('copying whole arrays and single values gives the same bytes', async () => {
  const rows = extremeRows(2_500)
  const [fast, slow] = [await write(rowsOf(COLUMNS, rows)), await write(plainBuffer(rows))]
  expect(await bytesOf(fast)).toBe(await bytesOf(slow))
})

test('a text that all rows share gives the bytes that single values give', async () => {
  for (const text of ['r1', "it's", '', 'ä', 'x\0y', 'a'.repeat(300)]) {
    const columns: ColumnSpec[] = [
      { name: 'k', type: { kind: 'int64' } },
      { name: "user's run", type: { kind: 'string' } },
      { name: 'z', type: { kind: 'string' } },
    ]
    const rows = Array.from({ length: 5_000 }, (_, row): CellOf[] => [row, text, `z${row % 7}`])
    const shared = await write(rowsOf(columns, rows), columns)
    expect(await read(shared)).toEqual(rows)
    expect(await bytesOf(shared)).toBe(
      await bytesOf(await write(plainBuffer(rows, columns), columns)),
    )
  }
})

test('rows may have nothing but a text that they share', async () => {
  const columns: ColumnSpec[] = [{ name: 'k', type: { kind: 'string' } }]
  const rows = [['a'], ['a'], ['a']]
  expect(await read(await write(rowsOf(columns, rows), columns, ['k']))).toEqual(rows)
  expect(await read(await write(rowsOf(columns, []), columns))).toEqual([])
})

test('equal rows give equal bytes, also when written side by side', async () => {
  const rows = extremeRows(30_000)
  const buffers = [rowsOf(COLUMNS, rows), rowsOf(COLUMNS, rows), rowsOf(COLUMNS, rows)]
  const paths = await Promise.all(buffers.map((buffer) => write(buffer)))
  const hashes = await Promise.all(paths.map(bytesOf))
  expect(new Set(hashes).size).toBe(1)
})

test('a buffer can be emptied and filled again', async () => {
  const buffer = rowsOf(COLUMNS, extremeRows(3_000))
  await write(buffer)
  buffer.reset()
  const rows = extremeRows(7).reverse()
  for (const row of rows) row.forEach((value, i) => buffer.columns[i]?.append(value))
  expect(await read(await write(buffer))).toEqual(rows)
})

test('the types in the file are those that other readers expect', async () => {
  const path = await write(rowsOf(COLUMNS, extremeRows(3)))
  const described = await database.rows(
    `DESCRIBE SELECT * FROM read_parquet(${quoteReadPath(path)})`,
  )
  expect(described.map((row) => row['column_type'])).toEqual([
    'VARCHAR',
    'INTEGER',
    'BIGINT',
    'DOUBLE',
    'BOOLEAN',
    'DATE',
    'TIMESTAMP WITH TIME ZONE',
    'DECIMAL(4,2)',
    'DECIMAL(9,0)',
    'DECIMAL(18,4)',
    'DECIMAL(38,10)',
    'BLOB',
  ])
})

test('files are zstd in row groups of 122,880 rows, with the metadata of the table', async () => {
  const columns: ColumnSpec[] = [{ name: 'n', type: { kind: 'int64' } }]
  const buffer = rowsOf(columns, [])
  for (let i = 0; i < 130_000; i++) buffer.columns[0]?.append(i)
  const path = quoteReadPath(await write(buffer, columns))
  const groups = await database.rows(
    `SELECT row_group_num_rows AS n, compression AS c FROM parquet_metadata(${path})`,
  )
  expect(groups).toEqual([
    { n: 122_880, c: 'ZSTD' },
    { n: 7_120, c: 'ZSTD' },
  ])
  const pairs = await database.rows(
    `SELECT decode(key) AS k, decode(value) AS v FROM parquet_kv_metadata(${path}) ORDER BY k`,
  )
  expect(pairs).toEqual([
    { k: 'version', v: '1' },
    { k: 'view', v: "user's" },
  ])
})

test('rows are sorted by value when asked, strings by their UTF-8 bytes', async () => {
  const columns: ColumnSpec[] = [{ name: 'k', type: { kind: 'string' } }]
  const keys = ['b', '😀', '\u{ffff}', 'a', 'Z', 'ä']
  const path = await write(
    rowsOf(
      columns,
      keys.map((key) => [key]),
    ),
    columns,
    ['k'],
  )
  expect((await read(path)).flat()).toEqual(['Z', 'a', 'b', 'ä', '\u{ffff}', '😀'])
})

test('merged files are sorted and have every column, null where an input lacks it', async () => {
  const old: ColumnSpec[] = [{ name: 'k', type: { kind: 'string' } }]
  const columns: ColumnSpec[] = [
    ...old,
    { name: 'n', type: { kind: 'int64' } },
    { name: 'd', type: { kind: 'double' } },
  ]
  const inputs = [
    await write(rowsOf(old, [['b'], ['d']]), old),
    await write(
      rowsOf(columns, [
        ['a', 1, 0.5],
        ['c', 2n ** 62n, null],
      ]),
      columns,
    ),
  ]
  const path = join(directory, 'merged.tmp')
  await writer.merge({ path, columns, metadata: {} }, inputs, ['k'])
  expect(await read(path)).toEqual([
    ['a', 1, 0.5],
    ['b', null, null],
    ['c', 2n ** 62n, null],
    ['d', null, null],
  ])
  expect(await writer.summarize(path, columns)).toEqual({
    rows: 4,
    columns: [
      { min: 'a', max: 'd', nulls: 0 },
      { min: 1, max: 2n ** 62n, nulls: 2 },
      { min: 0.5, max: 0.5, nulls: 3 },
    ],
  })
})

test('reading no files gives the columns and no rows', async () => {
  const sql = `SELECT count(*) AS n, max(c2) AS m FROM ${readFilesSql([], COLUMNS)}`
  expect(await database.rows(sql)).toEqual([{ n: 0, m: null }])
})

test('closing waits for the writes that run', async () => {
  const own = await DuckDb.open({
    memoryMb: 256,
    threads: 2,
    concurrentMax: 2,
    temporaryDirectory: join(directory, 'spill'),
  })
  const rows = rowsOf(COLUMNS, extremeRows(20_000))
  const path = join(directory, 'closing.tmp')
  const writing = new ParquetWriter(own).write({ path, columns: COLUMNS, metadata: {} }, rows)
  await own[Symbol.asyncDispose]()
  await writing
  expect(await read(path)).toHaveLength(20_000)
})

test('a failed write says so, leaves no lent rows behind, and the next one works', async () => {
  const rows = rowsOf(COLUMNS, extremeRows(3))
  const path = join(directory, 'no-such-folder', 'x.tmp')
  await expect(writer.write({ path, columns: COLUMNS, metadata: {} }, rows)).rejects.toThrow()
  expect(await read(await write(rows))).toHaveLength(3)
})
