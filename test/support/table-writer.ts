/**
 * A writer of one table as a process of its own: `table-writer.ts '<WriterJob as JSON>'`. Prints one JSON line at the end,
 * `{"applied", "dropped"}` or `{"code", "message"}`. What a slot holds follows from its position alone.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../src/cli/system-clock.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import { ParquetWriter } from '../../src/duckdb/parquet-writer.ts'
import { TidemarkError } from '../../src/errors.ts'
import type { S3Location } from '../../src/s3/bucket.ts'
import { S3Storage } from '../../src/s3/s3-storage.ts'
import { compactTable } from '../../src/table/compact.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { DirectoryStorage } from '../../src/storage/directory-storage.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { COLUMNS, collectingLog, rowsOf, specOf } from './table-fixture.ts'

export interface WriterJob {
  /** Of the table, unless it is in a bucket; and of what DuckDB spills. */
  readonly directory: string
  readonly bucket?: S3Location
  readonly partitions: readonly number[]
  readonly days: readonly number[]
  readonly slots: number
  /** Each position is one transaction per day and partition, over all slots. */
  readonly positions: readonly number[]
  /** Compacts each day once all positions are written. */
  readonly compact?: boolean
  /** Rows per slot; three unless given. */
  readonly rows?: number
  /** Gives up root, if it is root, before it writes. */
  readonly unprivileged?: boolean
}

export const NOBODY = 65_534

export function userOf(partition: number, slot: number, index: number): string {
  return `p${partition}-s${slot}-u${String(index).padStart(6, '0')}`
}

export async function runJob(job: WriterJob): Promise<{ applied: number; dropped: number }> {
  const { directory, partitions, days, slots, positions, rows: count = 3 } = job
  await using database = await DuckDb.open({
    memoryMb: 128,
    threads: 1,
    concurrentMax: 2,
    temporaryDirectory: join(directory, '_duckdb'),
  })
  const store = new DeltaTableStore({
    storage: job.bucket
      ? new S3Storage(job.bucket, { faults: TABLE_FAULTS, workspace: join(directory, '_s3') })
      : new DirectoryStorage(directory, TABLE_FAULTS),
    parquet: new ParquetWriter(database),
    clock: systemClock,
    log: collectingLog([]),
    newId: randomUUID,
  })
  const table = await store.open(specOf())
  const total = { applied: 0, dropped: 0 }
  for (const position of positions) {
    for (const day of days) {
      const keys = partitions.flatMap((partition) =>
        Array.from({ length: slots }, (_, slot) => ({ day, partition, slot })),
      )
      const changes = await Promise.all(
        keys.map(async (key) => {
          const rows = Array.from({ length: count }, (_, i) => [
            userOf(key.partition, key.slot, i),
            position,
          ])
          return { ...key, position, file: await table.write(key, position, rowsOf(COLUMNS, rows)) }
        }),
      )
      const complete = partitions.map((partition) => ({ partition, day }))
      const commit = await table.commit({ generation: 1, run: 'process', changes, complete })
      total.applied += commit.applied
      total.dropped += commit.dropped
    }
  }
  for (const partition of job.compact ? partitions : []) {
    const request = { generation: 1, partition, days, slots, metadata: specOf().metadata }
    await compactTable(store.table(specOf().name), request)
  }
  return total
}

async function main(job: WriterJob): Promise<void> {
  if (job.unprivileged && process.getuid?.() === 0) process.seteuid?.(NOBODY)
  try {
    process.stdout.write(`${JSON.stringify(await runJob(job))}\n`)
  } catch (error) {
    const { message } = error as Error
    const code = error instanceof TidemarkError ? error.code : 'BUG'
    process.stdout.write(`${JSON.stringify({ code, message })}\n`)
    process.exitCode = 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(JSON.parse(process.argv[2] ?? '') as WriterJob)
}
