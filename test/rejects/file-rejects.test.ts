import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Reject } from '../../src/engine/reject-port.ts'
import { FileRejectSink } from '../../src/rejects/file-reject-sink.ts'
import { readLate, readRejects } from '../../src/rejects/read-rejects.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-rejects-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

function rejectAt(offset: number, more: Partial<Reject> = {}): Reject {
  return {
    partition: 0,
    offset,
    generation: 1,
    reason: 'undecodable',
    views: [],
    message: 'not JSON',
    timestamp: 1_700_000_000_000,
    eventTime: undefined,
    key: Buffer.from('k'),
    value: Buffer.from('{broken'),
    headers: [],
    ...more,
  }
}

async function write(...rejects: Reject[]): Promise<void> {
  await using sink = new FileRejectSink(directory, 'events')
  await sink.write(rejects)
}

async function collect(rejects: AsyncIterable<Reject>): Promise<Reject[]> {
  const all: Reject[] = []
  for await (const reject of rejects) all.push(reject)
  return all
}

function letters(partition: number): string {
  return join(directory, 'dead-letters', `${partition}.jsonl`)
}

test('a reject comes back with its original bytes, key, headers, times, views and reason', async () => {
  const rejects = [
    rejectAt(5),
    rejectAt(9, {
      reason: 'bad_field',
      views: ['a:v1', 'b:v2'],
      timestamp: NaN,
      eventTime: 7,
      key: null,
      value: Buffer.from([0, 10, 13, 255, 0xe2, 0x80, 0xa8]),
      headers: [
        { key: 'h', value: Buffer.from('line\u2028end\n') },
        { key: 'h', value: null },
      ],
    }),
    rejectAt(11, { value: Buffer.alloc(0), message: 'two\nlines\u2028' }),
  ]
  await write(...rejects)
  expect(await collect(readRejects(directory))).toEqual(rejects)
})

test('a line tells people the position and, where the bytes are text, the text', async () => {
  await write(rejectAt(5), rejectAt(6, { value: Buffer.from([0xff]) }))
  const [text, binary] = (await readFile(letters(0), 'utf8')).trimEnd().split('\n')
  expect(JSON.parse(text!)).toMatchObject({
    position: 'events[0]@5',
    reason: 'undecodable',
    message: 'not JSON',
    value: { base64: 'e2Jyb2tlbg==', text: '{broken' },
  })
  expect(JSON.parse(binary!)).toMatchObject({ value: { base64: '/w==' } })
  expect(binary).not.toContain('"text":"\ufffd')
})

test('rejects that are written again after a crash, or by another generation, are read once', async () => {
  await write(rejectAt(1), rejectAt(2))
  await write(rejectAt(2), rejectAt(3), rejectAt(2, { generation: 2 }))
  const read = await collect(readRejects(directory))
  expect(read.map(({ offset, generation }) => [offset, generation])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ])
})

test('too-late records are in the dead letters and in the late ledger, with their entities and day', async () => {
  const late = { day: 19_000, entities: [{ view: 'user:v1', entity: 'u1' }] }
  const tooLate = rejectAt(4, { reason: 'too_late', eventTime: 1_641_600_000_000, late })
  await write(rejectAt(1), tooLate)
  expect(await collect(readLate(directory))).toEqual([tooLate])
  expect(await collect(readRejects(directory))).toHaveLength(2)
  expect(await readFile(join(directory, 'late', '0.jsonl'), 'utf8')).toContain('"day":"2022-01-08"')
})

test('rejects can be asked for by partition and by reason', async () => {
  await write(
    rejectAt(1),
    rejectAt(1, { partition: 10 }),
    rejectAt(2, { partition: 2, reason: 'future' }),
  )
  const offsets = async (filter: Parameters<typeof readRejects>[1]): Promise<number[][]> =>
    (await collect(readRejects(directory, filter))).map(({ partition, offset }) => [
      partition,
      offset,
    ])
  expect(await offsets({})).toEqual([
    [0, 1],
    [2, 2],
    [10, 1],
  ])
  expect(await offsets({ partition: 10 })).toEqual([[10, 1]])
  expect(await offsets({ reason: 'future' })).toEqual([[2, 2]])
})

test('a pipeline that never rejected has no rejects', async () => {
  expect(await collect(readRejects(directory))).toEqual([])
  await write()
  expect(await collect(readRejects(directory))).toEqual([])
})

test.each([1, 100, 70_000])(
  'a line torn after %i bytes is cut when the sink opens, and only it',
  async (torn) => {
    await write(rejectAt(1))
    await appendFile(letters(0), '{'.padEnd(torn, 'x'))
    expect(await collect(readRejects(directory))).toEqual([rejectAt(1)])
    await write(rejectAt(2))
    expect(await collect(readRejects(directory))).toEqual([rejectAt(1), rejectAt(2)])
  },
)

test('a file that holds nothing but a torn line is empty again', async () => {
  await mkdir(join(directory, 'dead-letters'))
  await writeFile(letters(0), '{"torn')
  await write(rejectAt(2))
  expect(await collect(readRejects(directory))).toEqual([rejectAt(2)])
})

test('a line that is no reject is told with its number', async () => {
  await write(rejectAt(1))
  await appendFile(letters(0), 'edited by hand\n')
  await expect(collect(readRejects(directory))).rejects.toThrow(/0\.jsonl: line 2 is no reject/)
})

test('after a failed write the sink says what to do, and goes on once there is a place again', async () => {
  await using sink = new FileRejectSink(directory, 'events')
  await mkdir(letters(0), { recursive: true })
  await expect(sink.write([rejectAt(1)])).rejects.toThrow(/make room or mend .*REJECTS_UNWRITABLE/)
  await rm(letters(0), { recursive: true })
  await sink.write([rejectAt(1)])
  expect(await collect(readRejects(directory))).toEqual([rejectAt(1)])
})
