/** A process that leaves while DuckDB waits for the rows of a file from its loop: `leaving-writer.ts DIRECTORY`. */
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { leaveAtOnce } from '../../src/cli/leave.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import { ParquetWriter } from '../../src/duckdb/parquet-writer.ts'
import { rowsOf } from './table-fixture.ts'

const [directory = ''] = process.argv.slice(2)
const limits = { memoryMb: 256, threads: 2, concurrentMax: 4, temporaryDirectory: directory }
const writer = new ParquetWriter(await DuckDb.open(limits))
const columns = [{ name: 'n', type: { kind: 'int64' } }] as const
const rows = rowsOf(
  columns,
  Array.from({ length: 200_000 }, (_, i) => [BigInt(i)]),
)
for (let i = 0; i < 4; i += 1)
  void writer.write({ path: path.join(directory, `${i}.tmp`), columns, metadata: {} }, rows)
await sleep(5)
process.stdout.write('leaving\n')
// Long enough for the threads to ask for rows of a loop that does not turn.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
leaveAtOnce()
