import {
  appendFile,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFileLog } from '../../src/source/file-log.ts'
import { FileLogWriter } from '../../src/source/file-log-writer.ts'
import type { LogFixture } from '../conformance/record-source.ts'
import { describeRecordSource, PARTITIONS, readAll } from '../conformance/record-source.ts'

const BYTES_MAX = 1_000_000
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-log-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

for (const extension of ['jsonl', 'log'] as const) {
  describeRecordSource(`the embedded log of .${extension} files`, () => createFixture(extension), {
    carriesAll: extension === 'log',
  })
}

async function createFixture(extension: 'jsonl' | 'log'): Promise<LogFixture> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-source-'))
  const openWriters = (): Promise<FileLogWriter[]> =>
    Promise.all(
      Array.from({ length: PARTITIONS }, (_, at) => FileLogWriter.open(home, at, extension)),
    )
  const closeWriters = async (): Promise<void> => {
    for (const writer of writers) await writer[Symbol.asyncDispose]()
  }
  let writers = await openWriters()
  return {
    source: createFileLog(home),
    async append(partition, records) {
      for (const record of records) writers[partition]!.append(record)
      await writers[partition]!.flush()
    },
    async remake() {
      await closeWriters()
      await rm(home, { recursive: true })
      writers = await openWriters()
      return createFileLog(home)
    },
    async [Symbol.asyncDispose]() {
      await closeWriters()
      await rm(home, { recursive: true })
    },
  }
}

function file(name: string): string {
  return join(directory, name)
}

function topic(): string {
  return basename(directory)
}

async function valuesFrom(offset: number, partition = 0): Promise<(string | null)[]> {
  await using reader = await createFileLog(directory).open(partition, offset)
  return (await readAll(reader, BYTES_MAX)).map(({ value }) => value)
}

test('the offset of a line is its byte position in the file, and empty lines are no records', async () => {
  await writeFile(file('0.jsonl'), '\n{"a":1}\n\r\n\n{"b":2}\r\n\n')
  await using reader = await createFileLog(directory).open(0, 0)
  const batch = await reader.read(BYTES_MAX)
  expect([...batch!.offsets]).toEqual([1, 12])
  expect(batch!.nextOffset).toBe(22)
  expect(await reader.read(BYTES_MAX)).toBeUndefined()
})

test('a line without its end is not there yet: the end of the log is before it and there is no lag', async () => {
  await writeFile(file('0.jsonl'), '{"a":1}\n{"b":')
  await using reader = await createFileLog(directory).open(0, 0)
  expect(await reader.endOffset()).toBe(8)
  expect((await readAll(reader, BYTES_MAX)).map(({ value }) => value)).toEqual(['{"a":1}'])
  expect(reader.lag(8)).toBe(0)
  await appendFile(file('0.jsonl'), '2}\n')
  expect(await readAll(reader, BYTES_MAX)).toMatchObject([{ offset: 8, value: '{"b":2}' }])
})

test('a frame that is cut anywhere is not there yet and is read when the rest arrives', async () => {
  await using writer = await FileLogWriter.open(directory, 0, 'log')
  writer.append({ value: Buffer.from('first'), timestamp: 1 })
  const second = writer.append({ value: Buffer.from('second'), key: Buffer.from('k') })
  await writer.flush()
  const end = writer.endOffset
  const bytes = await readFile(writer.path)
  for (let cut = second; cut < end; cut++) {
    await writeFile(file('1.log'), bytes.subarray(0, cut))
    await using reader = await createFileLog(directory).open(1, 0)
    expect(await reader.endOffset()).toBe(second)
    expect((await readAll(reader, BYTES_MAX)).map(({ value }) => value)).toEqual(['first'])
    expect(reader.lag(second)).toBe(0)
    await appendFile(file('1.log'), bytes.subarray(cut))
    expect((await readAll(reader, BYTES_MAX)).map(({ value }) => value)).toEqual(['second'])
  }
})

test('a record that is larger than a read and than a block comes whole', async () => {
  await using writer = await FileLogWriter.open(directory, 0, 'log')
  const large = Buffer.alloc(5_000_000, 'tide')
  writer.append({ value: Buffer.from('small') })
  writer.append({ value: large })
  writer.append({ value: Buffer.from('after') })
  await writer.flush()
  expect((await valuesFrom(0)).map((value) => value?.length)).toEqual([5, 5_000_000, 5])
  const lines = join(directory, 'lines')
  await using lineWriter = await FileLogWriter.open(lines, 0, 'jsonl')
  lineWriter.append({ value: large })
  lineWriter.append({ value: Buffer.from('{}') })
  await lineWriter.flush()
  await using reader = await createFileLog(lines).open(0, 0)
  expect((await readAll(reader, 10)).map(({ value }) => value?.length)).toEqual([5_000_000, 2])
})

test('records before a damaged frame are given out, then the damage is told with its position', async () => {
  await using writer = await FileLogWriter.open(directory, 0, 'log')
  writer.append({ value: Buffer.from('good') })
  const bad = writer.append({ value: Buffer.from('bad!') })
  writer.append({ value: Buffer.from('good') })
  await writer.flush()
  await using handle = await open(writer.path, 'r+')
  await handle.write('x', bad + 30)
  await using reader = await createFileLog(directory).open(0, 0)
  expect((await reader.read(BYTES_MAX))!.count).toBe(1)
  await expect(reader.read(BYTES_MAX)).rejects.toThrow(
    new RegExp(`${topic()}\\[0\\]@${bad}: .*damaged at byte ${bad}: checksum .*SOURCE_UNREADABLE`),
  )
})

test('a file that is full of zeros after a power cut is told as damaged, not taken for an end', async () => {
  await using writer = await FileLogWriter.open(directory, 0, 'log')
  await writer.flush()
  await appendFile(writer.path, Buffer.alloc(100))
  await using reader = await createFileLog(directory).open(0, 0)
  await expect(reader.read(BYTES_MAX)).rejects.toThrow('a frame of 0 bytes')
})

test.each([
  ['0.jsonl', 3, 'inside a line'],
  ['0.log', 3, "inside the file's header"],
  ['0.log', 9, 'inside a frame'],
])('an offset of %s that is no boundary (%i, %s) is refused', async (name, offset) => {
  await writeFile(file('0.jsonl'), '{"a":1}\n{"b":2}\n')
  if (name === '0.log') {
    await rm(file('0.jsonl'))
    await using writer = await FileLogWriter.open(directory, 0, 'log')
    writer.append({ value: Buffer.from('0123456789'.repeat(10)) })
  }
  await expect(createFileLog(directory).open(0, offset)).rejects.toThrow(
    `${topic()}[0]@${offset}: no record begins at byte ${offset}`,
  )
})

test('an offset beyond the end of the file is gone, and the message says how long the file is', async () => {
  await writeFile(file('0.jsonl'), '{"a":1}\n')
  await expect(createFileLog(directory).open(0, 9)).rejects.toMatchObject({
    code: 'OFFSET_GONE',
    message: expect.stringMatching(/has 8 bytes and ends before that position/) as string,
  })
})

test('a file that is cut while it is followed is told', async () => {
  await writeFile(file('0.jsonl'), '{"a":1}\n{"b":2}\n')
  await using reader = await createFileLog(directory).open(0, 0)
  await readAll(reader, BYTES_MAX)
  await truncate(file('0.jsonl'), 8)
  await expect(reader.read(BYTES_MAX)).rejects.toMatchObject({ code: 'OFFSET_GONE' })
})

test('a file that is replaced while it is followed is told', async () => {
  await writeFile(file('0.jsonl'), '{"a":1}\n')
  await using reader = await createFileLog(directory).open(0, 0)
  await readAll(reader, BYTES_MAX)
  await writeFile(file('new'), '{"a":1}\n{"b":2}\n')
  await rename(file('new'), file('0.jsonl'))
  await expect(reader.read(BYTES_MAX)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
})

test.each([
  [[], 'found nothing'],
  [['readme.txt'], 'found readme.txt'],
  [['0.jsonl', '2.jsonl'], 'no 1.jsonl'],
  [['1.log'], 'no 0.log'],
  [['0.jsonl', '0.log'], 'found both'],
])('a directory with %j is refused in words: %s', async (names, message) => {
  for (const name of names) await writeFile(file(name), '')
  await expect(createFileLog(directory).topology()).rejects.toMatchObject({
    code: 'SOURCE_UNREADABLE',
    message: expect.stringContaining(message) as string,
  })
})

test('a directory that is not there is refused with what to check', async () => {
  await expect(createFileLog(file('nowhere')).topology()).rejects.toThrow(
    /cannot list .*source\.files/,
  )
})

test('a .log file of another kind is refused with what was found in it', async () => {
  await writeFile(file('0.log'), '2026-11-20 INFO started\n')
  await expect(createFileLog(directory).open(0, 0)).rejects.toThrow('found "2026-11"')
})

test('a writer cuts the torn frame that a crashed one left, and goes on after the last whole one', async () => {
  await using writer = await FileLogWriter.open(directory, 0, 'log')
  writer.append({ value: Buffer.from('kept') })
  await writer.flush()
  const end = writer.endOffset
  await appendFile(writer.path, Buffer.from([200, 0, 0, 0, 1, 2, 3, 4, 5]))
  await using next = await FileLogWriter.open(directory, 0, 'log')
  expect(next.append({ value: Buffer.from('new') })).toBe(end)
  await next.flush()
  expect(await valuesFrom(0)).toEqual(['kept', 'new'])
})

test.each([
  ['{"a":1}\n{"b":2', ['{"a":1}', '{"c":3}']],
  ['{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}', '{"c":3}']],
  ['{"a":1}\n12', ['{"a":1}', '{"c":3}']],
])('a writer of lines mends the tail of %j', async (content, expected) => {
  await writeFile(file('0.jsonl'), content)
  await using writer = await FileLogWriter.open(directory, 0, 'jsonl')
  writer.append({ value: Buffer.from('{"c":3}') })
  await writer.flush()
  expect(await valuesFrom(0)).toEqual(expected)
})

test('a line refuses what it could not give back: line ends, keys, nulls', async () => {
  await using writer = await FileLogWriter.open(directory, 0, 'jsonl')
  expect(() => writer.append({ value: Buffer.from('{\n}') })).toThrow('without line ends')
  expect(() => writer.append({ value: null })).toThrow('without line ends')
  expect(() => writer.append({ value: Buffer.from('{}'), key: Buffer.from('k') })).toThrow(
    'nothing but a value',
  )
})
