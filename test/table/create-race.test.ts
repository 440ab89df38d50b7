/** Processes that start together make a table together: whoever is late finds the table of the other and opens it. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { MemoryParquet } from '../../sim/parquet-engine.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { wrap } from '../support/crash.ts'
import { SILENT } from '../support/silent-log.ts'
import { specOf, stage, StillClock } from '../support/table-fixture.ts'

test('a table that another process makes and writes while this one makes it is opened, not refused', async () => {
  const bucket = new MemoryBucket()
  const files = new MemoryFiles()
  const clock = new StillClock()
  const storage = new MemoryObjectStorage({ bucket, files, nowMs: () => 0, faults: TABLE_FAULTS })
  const options = { parquet: new MemoryParquet(files), clock, log: SILENT, newId: randomUUID }
  const other = new DeltaTableStore({ ...options, storage })
  let isMade = false
  const late = wrap(storage, {
    // This process has seen that there is no table, and now asks what lies there.
    list: async (prefix) => {
      if (!isMade) {
        isMade = true
        const table = await other.open(specOf())
        const change = await stage(table, { position: 1, rows: { ann: 1 } })
        await table.commit({ generation: 1, run: 'other', changes: [change], complete: [] })
      }
      return storage.list(prefix)
    },
  })
  const table = await new DeltaTableStore({ ...options, storage: late }).open(specOf())
  const change = await stage(table, { position: 2, rows: { ann: 2 } })
  await expect(
    table.commit({ generation: 1, run: 'late', changes: [change], complete: [] }),
  ).resolves.toMatchObject({ version: 2, applied: 1 })
})
