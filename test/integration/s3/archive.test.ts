/** An archive in a bucket: the same files, listed and read from there. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Archive } from '../../../src/archive/archive.ts'
import { ArchiveSource } from '../../../src/archive/archive-source.ts'
import { archiveColumns } from '../../../src/archive/pipeline-of.ts'
import { jsonLines } from '../../../src/archive/json-lines.ts'
import { S3Storage } from '../../../src/s3/s3-storage.ts'
import { readAll } from '../../conformance/record-source.ts'
import { pipelineOf } from '../../format/pipeline.ts'
import { flatLine } from '../../support/archive-files.ts'
import { locationIn, newBucket } from '../../support/bucket.ts'

const FAULTS = {
  what: 'archive',
  unavailable: 'SOURCE_UNAVAILABLE',
  refused: 'SOURCE_UNREADABLE',
} as const

test('days of an archive in a bucket are read as a log', async () => {
  const workspace = mkdtempSync(path.join(tmpdir(), 'tidemark-archive-s3-'))
  await using storage = new S3Storage(locationIn(await newBucket(), 'raw/shop'), {
    faults: FAULTS,
    workspace,
  })
  for (let day = 1; day <= 3; day += 1) {
    const lines = [0, 1].map((at) => {
      const record = { partition: 0, offset: day * 2 + at, timestamp: day, value: '{"user":"u"}' }
      return `${JSON.stringify(flatLine(record))}\n`
    })
    await storage.put(`ds=2026-01-0${day}/a.jsonl.gz`, gzipSync(lines.join('')))
  }
  const pipeline = pipelineOf({ fields: { user: { kind: 'string' } } })
  const parts = { storage, columns: archiveColumns(pipeline, {}), formatOf: () => jsonLines }
  const archive = await Archive.open({ ...parts, names: {}, eventTime: 'ts' })
  const second = Date.UTC(2026, 0, 2) / 86_400_000
  const { selection } = await archive.select([{ partition: 0, from: 4, to: 6 }], {
    first: second,
    last: second,
  })
  expect(selection.files.map((file) => file.path)).toEqual(['ds=2026-01-02/a.jsonl.gz'])
  const source = new ArchiveSource({
    ...parts,
    selection,
    topic: 'kept',
    partitions: 1,
    logIdentity: undefined,
    log: undefined,
  })
  await using reader = await source.open(0, 4)
  expect((await readAll(reader, 1_000)).map(({ offset }) => offset)).toEqual([4, 5])
  rmSync(workspace, { recursive: true, force: true })
})
