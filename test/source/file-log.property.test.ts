import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFileLog } from '../../src/source/file-log.ts'
import { FileLogWriter } from '../../src/source/file-log-writer.ts'
import type { LogRecord } from '../../src/source/frame-framing.ts'
import { asRead, readAll } from '../conformance/record-source.ts'
import { fc } from '../support/properties.ts'

let home: string
let round = 0
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemark-growth-'))
})
afterAll(async () => {
  await rm(home, { recursive: true })
})

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const frameRecord: fc.Arbitrary<LogRecord> = fc.record(
  {
    value: fc.option(bytes),
    key: fc.option(bytes),
    timestamp: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    headers: fc.array(
      fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 8 }), value: fc.option(bytes) }),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['value'] },
)
const lineRecord: fc.Arbitrary<LogRecord> = bytes
  .map((value) => Buffer.from(value.filter((byte) => byte !== 10 && byte !== 13)))
  .filter((value) => value.length > 0)
  .map((value) => ({ value }))
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
const readSizes = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 5 })

test.each([
  ['log', frameRecord],
  ['jsonl', lineRecord],
] as const)(
  'whatever is written to .%s is read back exactly, however its growth and the reads are cut',
  async (extension, record) => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), cuts, readSizes, (records, at, sizes) =>
        growAndRead(extension, records, at, sizes),
      ),
      { numRuns: 150 },
    )
  },
)

async function growAndRead(
  extension: 'log' | 'jsonl',
  records: readonly LogRecord[],
  cutAt: readonly number[],
  readSizes: readonly number[],
): Promise<void> {
  const written = join(home, `${round}-written`)
  const growing = join(home, `${round++}-growing`)
  await using writer = await FileLogWriter.open(written, 0, extension)
  const offsets = records.map((record) => writer.append(record))
  await writer.flush()
  const content = await readFile(writer.path)
  const places = [...cutAt.map((share) => Math.floor(share * content.length)), content.length]

  await FileLogWriter.open(growing, 0, extension).then((made) => made[Symbol.asyncDispose]())
  const path = join(growing, `0.${extension}`)
  await writeFile(path, '')
  await using reader = await createFileLog(growing).open(0, 0)
  const read = []
  let have = 0
  for (const [turn, place] of places.toSorted((a, b) => a - b).entries()) {
    await appendFile(path, content.subarray(have, place))
    have = place
    const end = await reader.endOffset()
    read.push(...(await readAll(reader, readSizes[turn % readSizes.length]!)))
    expect(end).toBe(offsets[read.length] ?? writer.endOffset)
    expect(reader.lag(end)).toBe(0)
  }
  expect(read).toEqual(records.map((record, at) => ({ offset: offsets[at], ...asRead(record) })))
}
