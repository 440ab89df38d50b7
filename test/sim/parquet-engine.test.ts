/** The Parquet engine of the simulator: tables run on it as on DuckDB, and the same twice. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MemoryParquet, readRows } from '../../sim/parquet-engine.ts'
import type { ColumnSpec } from '../../src/core/columns.ts'
import type { Value } from '../../src/core/value.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import { ParquetWriter } from '../../src/duckdb/parquet-writer.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { compactTable } from '../../src/table/compact.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import type { LogOptions } from '../../src/table/delta/log.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { vacuumTable } from '../../src/table/vacuum.ts'
import { viewTable, withLocalFiles } from '../../src/table/view.ts'
import { StillClock, collectingLog, rowsOf, specOf, stage } from '../support/table-fixture.ts'
import type { LoggedLine } from '../support/table-fixture.ts'

const DAY = 11_327
const HOUR_MS = 3_600_000
const TABLE = specOf().name

class MemoryPlace {
  readonly bucket = new MemoryBucket()
  readonly files = new MemoryFiles()
  readonly clock = new StillClock()
  readonly logged: LoggedLine[] = []
  #ids = 0

  /** As another process would have it. */
  store(): DeltaTableStore {
    const { bucket, files, clock } = this
    const options: LogOptions = {
      storage: new MemoryObjectStorage({
        bucket,
        files,
        nowMs: () => clock.nowMs,
        faults: TABLE_FAULTS,
      }),
      parquet: new MemoryParquet(files),
      clock,
      log: collectingLog(this.logged),
      newId: () => (this.#ids += 1).toString(16).padStart(8, '0'),
    }
    return new DeltaTableStore(options)
  }

  /** `user clicks` as a new reader sees them. */
  async lines(): Promise<string[]> {
    const table = this.store().table(TABLE)
    const { files } = await viewTable(table)
    return withLocalFiles(table, files, async (paths) =>
      paths.flatMap((path) => readRows(this.files.read(path)).rows.map((row) => row.join(' '))),
    )
  }

  contents(): string[] {
    return [...this.bucket.contents].map(([path, { bytes, modifiedMs }]) =>
      [path, modifiedMs, Buffer.from(bytes).toString('utf8')].join(' '),
    )
  }
}

async function liveTable(): Promise<MemoryPlace> {
  const place = new MemoryPlace()
  for (let run = 0; run < 6; run += 1) {
    const table = await place.store().open(specOf())
    for (let round = 1; round <= 20; round += 1) {
      const position = run * 20 + round
      place.clock.nowMs += 1_000
      const changes = [
        await stage(table, { day: DAY, slot: 0, position, rows: { ann: position, bob: run } }),
        await stage(table, { day: DAY, slot: 1, position, rows: { cyd: round } }),
      ]
      const complete = [{ partition: 0, day: DAY }]
      await table.commit({ generation: 1, run: `run-${run}`, changes, complete })
    }
  }
  const table = place.store().table(TABLE)
  await compactTable(table, {
    generation: 1,
    partition: 0,
    days: [DAY],
    slots: 2,
    metadata: specOf().metadata,
  })
  place.clock.nowMs += 2 * HOUR_MS
  await vacuumTable(table, { graceMs: HOUR_MS, logRetentionMs: HOUR_MS })
  return place
}

test('a table is opened, written, read through checkpoints of its log, compacted and vacuumed', async () => {
  const place = await liveTable()
  expect(await place.lines()).toEqual(['ann 120', 'bob 5', 'cyd 20'])
  expect(place.logged).toEqual([])
  const paths = [...place.bucket.contents.keys()]
  expect(paths.filter((path) => path.endsWith('.checkpoint.parquet'))).not.toEqual([])
  // All but the compacted file and what a reader of the last version needs is gone.
  expect(paths.filter((path) => path.startsWith(`${TABLE}/ds=`))).toHaveLength(1)
  expect(paths.filter((path) => path.endsWith('00000000000000000000.json'))).toEqual([])
})

test('the same calls leave the same bytes', async () => {
  expect((await liveTable()).contents()).toEqual((await liveTable()).contents())
})

const KINDS: readonly (readonly [ColumnSpec['type'], readonly (Value | Uint8Array)[]])[] = [
  [{ kind: 'string' }, ['b', null, 'half \ud800 pair', '\u{10348}', '\uffee']],
  [{ kind: 'int32' }, [5, -1, null, 0, 7]],
  [{ kind: 'int64' }, [2n ** 60n, null, -3, 9, -(2n ** 62n)]],
  [{ kind: 'double' }, [0.1, -1e300, null, 3, 0]],
  [{ kind: 'decimal', precision: 38, scale: 2 }, [10n ** 30n, 5, null, -5, 0]],
  [{ kind: 'boolean' }, [true, false, null, true, true]],
  [{ kind: 'timestamp' }, [1_700_000_000_123, null, 0, -5, 10]],
  [{ kind: 'date' }, [19_000, 0, null, -3, 1]],
  [{ kind: 'binary' }, [Uint8Array.of(1, 2), null, new Uint8Array(0), null, Uint8Array.of(255)]],
]
const COLUMNS = KINDS.map(([type], i) => ({ name: `c${i}`, type }))
const ROWS = rowsOf(
  COLUMNS,
  [0, 1, 2, 3, 4].map((row) => KINDS.map(([, values]) => values[row] ?? null)),
)

test('rows come back and are sorted and summarized as DuckDB does it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-parquet-'))
  await using database = await DuckDb.open({
    memoryMb: 128,
    threads: 1,
    concurrentMax: 1,
    temporaryDirectory: join(directory, '_duckdb'),
  })
  const files = new MemoryFiles()
  const engines = [new MemoryParquet(files), new ParquetWriter(database)]
  const wider = [...COLUMNS, { name: 'added', type: { kind: 'int32' } as const }]
  const [memory, duckdb] = await Promise.all(
    engines.map(async (engine, i) => {
      const [first, merged] = ['first', 'merged'].map((name) => join(directory, `${i}-${name}`))
      await engine.write({ path: first!, columns: COLUMNS, metadata: {} }, ROWS, ['c0'])
      await engine.merge({ path: merged!, columns: wider, metadata: {} }, [first!, first!], ['c7'])
      return engine.summarize(merged!, wider)
    }),
  )
  expect(memory).toEqual(duckdb)
  for (const sortBy of ['c0', 'c2', 'c7']) {
    const path = join(directory, sortBy)
    await engines[0]?.write({ path, columns: COLUMNS, metadata: {} }, ROWS, [sortBy])
    await engines[1]?.write({ path, columns: COLUMNS, metadata: {} }, ROWS, [sortBy])
    const names = COLUMNS.map(({ name }) => name)
    const found = await database.rows(`SELECT * FROM read_parquet('${path}')`)
    const expected = readRows(files.read(path)).rows
    expect(found.map((row) => names.map((name) => plain(row[name])))).toEqual(
      expected.map((row) => row.map(plain)),
    )
  }
  await rm(directory, { recursive: true, force: true })
})

test('JSON lines come back with the fields of their shape, as DuckDB gives them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-parquet-'))
  await using database = await DuckDb.open({
    memoryMb: 128,
    threads: 1,
    concurrentMax: 1,
    temporaryDirectory: join(directory, '_duckdb'),
  })
  const shape = { add: { path: 'string', size: 'int64', tags: 'map' }, flag: 'boolean' } as const
  const lines = [
    { add: { path: 'a', size: 9_007_199_254_740_991, tags: { x: '1' } }, other: 5 },
    { flag: true },
    { add: { path: 'b', unknown: 1 }, flag: false },
  ].map((line) => JSON.stringify(line))
  const path = join(directory, 'lines')
  const read = await Promise.all(
    [new MemoryParquet(new MemoryFiles()), new ParquetWriter(database)].map(async (engine) => {
      await engine.writeJson(path, lines, shape)
      return (await engine.readJson(path)).map((line) => JSON.parse(line) as unknown)
    }),
  )
  expect(read[0]).toEqual(read[1])
  await rm(directory, { recursive: true, force: true })
})

function plain(cell: unknown): unknown {
  return cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : cell
}
