import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WantedOffsets } from '../../src/archive/needed-files.ts'
import type { EventBatch } from '../../src/core/event.ts'
import type { Value } from '../../src/core/value.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import type { RecordSource } from '../../src/engine/ports.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import { MemoryLog } from '../../src/memory/log.ts'
import type { LogFixture } from '../conformance/record-source.ts'
import { describeRecordSource, PARTITIONS, readAll } from '../conformance/record-source.ts'
import { pipelineOf } from '../format/pipeline.ts'
import {
  flatLine,
  putAvro,
  putLines,
  putParquet,
  WatchedStorage,
  WHOLE_SCHEMA,
  wholeDatum,
  wholeLine,
} from '../support/archive-files.ts'
import type { ArchiveRow } from '../support/archive-files.ts'
import { archiveSource, everything, openTestArchive } from '../support/open-archive.ts'

const BYTES_MAX = 1_000_000
const TS = Date.UTC(2026, 0, 5, 10)
const PIPELINE = pipelineOf({
  fields: {
    user: { kind: 'string' },
    amount: { kind: 'decimal', precision: 18, scale: 2 },
    big: { kind: 'int64' },
    ratio: { kind: 'double' },
    born: { kind: 'date' },
    'shop.id': { kind: 'string' },
  },
})

let directory: string
let database: DuckDb

beforeAll(async () => {
  database = await DuckDb.open({
    memoryMb: 256,
    threads: 1,
    concurrentMax: 2,
    temporaryDirectory: path.join(tmpdir(), 'tidemark-archive-duckdb'),
  })
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'tidemark-archive-'))
})
afterEach(() => rm(directory, { recursive: true }))

for (const format of ['JSON lines', 'Avro container files', 'Parquet'] as const) {
  describeRecordSource(`an archive of ${format}`, () => createFixture(format), {
    carriesAll: false,
    isFixed: true,
  })
}

async function createFixture(format: string): Promise<LogFixture> {
  const home = await mkdtemp(path.join(tmpdir(), 'tidemark-kept-'))
  const ends = new Map<number, number>()
  let files = 0
  const append = async (partition: number, rows: readonly ArchiveRow[]): Promise<void> => {
    const name = `${files++}-${partition}`
    if (format === 'JSON lines') await putLines(home, `${name}.jsonl`, rows.map(wholeLine))
    else if (format === 'Parquet')
      await putParquet(database, home, { name: `${name}.parquet`, sql: wholeSql(rows) })
    else await putAvro(home, `${name}.avro`, { schema: WHOLE_SCHEMA, rows: rows.map(wholeDatum) })
  }
  const open = async (): Promise<RecordSource> => {
    if (files === 0) await append(0, [])
    const archive = { storage: new WatchedStorage(home), pipeline: PIPELINE, database }
    const opened = await openTestArchive(archive)
    const { selection } = await opened.select(everything(PARTITIONS), {})
    return (await archiveSource(archive, selection, { partitions: PARTITIONS })).source
  }
  return {
    source: {
      topic: 'kept',
      topology: async () => (await open()).topology(),
      origins: async () => (await open()).origins(),
      open: async (partition, offset) => (await open()).open(partition, offset),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    append: (partition, records) => {
      const from = ends.get(partition) ?? 0
      ends.set(partition, from + records.length)
      return append(
        partition,
        records.map(({ value }, at) => ({ partition, offset: from + at, timestamp: TS, value })),
      )
    },
    remake: () => Promise.reject(new Error('an archive is not made again')),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true }),
  }
}

function wholeSql(rows: readonly ArchiveRow[]): string {
  const values = rows.map(
    ({ partition, offset, timestamp, value }) =>
      `(${partition}, ${offset}, make_timestamptz(${timestamp * 1000}), '${Buffer.from(value ?? '').toString()}'::BLOB)`,
  )
  const list = values.length === 0 ? `(0, 0, NULL::TIMESTAMPTZ, ''::BLOB)` : values.join(', ')
  return `SELECT * FROM (VALUES ${list}) AS t(_partition, _offset, _timestamp, _value)${values.length === 0 ? ' WHERE false' : ''}`
}

const EVENT = {
  user: 'zoë "q"',
  amount: '12.30',
  big: '9007199254740993',
  ratio: 0.1,
  born: '2024-02-29',
  shop: { id: 's1' },
}

/** One event by columns, in each format; `ts` is an instant by its type where the format has such types. */
const BY_COLUMNS: readonly (readonly [format: string, put: () => Promise<void>])[] = [
  [
    'JSON lines',
    () =>
      writeFile(
        path.join(directory, 'a.jsonl'),
        `{"_partition":0,"_offset":7,"_timestamp":"2026-01-05T10:00:00Z","user":"zoë \\"q\\"","ts":${TS},"amount":12.30,"big":9007199254740993,"ratio":0.1,"born":"2024-02-29","shop":{"id":"s1"},"more":[1]}\r\n`,
      ),
  ],
  [
    'gzipped JSON lines',
    () => putLines(directory, 'a.json.gz', [{ ...position(7), ...EVENT, ts: TS }]),
  ],
  [
    'JSON lines with the event under _value',
    () => putLines(directory, 'a.ndjson', [{ ...position(7), _value: { ...EVENT, ts: TS } }]),
  ],
  [
    'Avro',
    () =>
      putAvro(directory, 'a.avro', { schema: EVENT_SCHEMA, rows: [EVENT_DATUM], codec: 'deflate' }),
  ],
  [
    'Parquet',
    () =>
      putParquet(database, directory, {
        name: 'a.parquet',
        sql: `SELECT ${POSITION_SQL}, ${EVENT_SQL}`,
      }),
  ],
  [
    'Parquet with the event as a struct',
    () =>
      putParquet(database, directory, {
        name: 'a.parquet',
        sql: `SELECT ${POSITION_SQL}, e AS _value FROM (SELECT ${EVENT_SQL}) AS e`,
      }),
  ],
]

function position(offset: number): object {
  return { _partition: 0, _offset: offset, _timestamp: TS }
}

const POSITION_SQL = `0 AS _partition, 7::BIGINT AS _offset, TIMESTAMPTZ '2026-01-05 10:00:00Z' AS _timestamp`
const EVENT_SQL = `'zoë "q"' AS user, TIMESTAMP '2026-01-05 10:00:00.000999' AS ts, 12.30::DECIMAL(18,2) AS amount,
  9007199254740993::BIGINT AS big, 0.1::DOUBLE AS ratio, DATE '2024-02-29' AS born, {'id': 's1'} AS shop, [1] AS more`
const EVENT_SCHEMA = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: '_partition', type: 'int' },
    { name: '_offset', type: 'long' },
    { name: '_timestamp', type: 'long' },
    { name: 'user', type: 'string' },
    { name: 'ts', type: { type: 'long', logicalType: 'timestamp-micros' } },
    {
      name: 'amount',
      type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 2 }],
    },
    { name: 'big', type: 'string' },
    { name: 'ratio', type: 'double' },
    { name: 'born', type: { type: 'int', logicalType: 'date' } },
    {
      name: 'shop',
      type: { type: 'record', name: 'Shop', fields: [{ name: 'id', type: 'string' }] },
    },
  ],
}
const EVENT_DATUM = {
  ...position(7),
  ...EVENT,
  ts: TS * 1_000 + 999,
  amount: Buffer.from([0x04, 0xce]),
  born: 19_782,
}

test.each(BY_COLUMNS)('an event by columns in %s is the event of the log', async (_, put) => {
  await put()
  const events = await decodedAll(0)
  expect([...events.records.offsets]).toEqual([7])
  expect([...events.records.timestamps]).toEqual([TS])
  expect(events.problems).toEqual(new Map())
  expect([...events.eventTimes]).toEqual([TS])
  expect(row(events, 0)).toEqual(['zoë "q"', 1230, 9007199254740993n, 0.1, 19_782, 's1'])
})

async function decodedAll(
  partition: number,
  names: Record<string, string> = {},
): Promise<EventBatch> {
  const archive = { storage: new WatchedStorage(directory), pipeline: PIPELINE, database, names }
  const opened = await openTestArchive(archive)
  const { selection } = await opened.select(everything(1), {})
  const { source, pipeline } = await archiveSource(archive, selection, { partitions: 1 })
  await using reader = await source.open(partition, 0)
  const batch = await reader.read(BYTES_MAX)
  if (batch === undefined) throw new Error('no records')
  return createDecoder(pipeline).decode(batch)
}

function row({ columns }: EventBatch, at: number): (Value | undefined)[] {
  return columns.map((column) => column[at])
}

test('columns by other names are mapped, positions and fields alike', async () => {
  await putParquet(database, directory, {
    name: 'kafka_partition=0/part.parquet',
    sql: `SELECT 7 AS kafka_offset, ${TS} AS kafka_ts, 'u' AS uid, ${TS} AS ts, 1.5 AS amount, 2 AS big, 0.5 AS ratio, NULL AS born, NULL::STRUCT(id VARCHAR) AS shop`,
  })
  await expect(decodedAll(0)).rejects.toThrow(/no column user/)
  const names = {
    _partition: 'kafka_partition',
    _offset: 'kafka_offset',
    _timestamp: 'kafka_ts',
    user: 'uid',
  }
  const events = await decodedAll(0, names)
  expect([...events.records.offsets]).toEqual([7])
  expect([...events.records.timestamps]).toEqual([TS])
  expect(row(events, 0).slice(0, 3)).toEqual(['u', 150, 2])
})

describe('days', () => {
  /** Ten days of ten records each in two partitions, a directory per day. */
  beforeEach(async () => {
    for (let day = 1; day <= 10; day += 1) {
      const date = `2026-01-${String(day).padStart(2, '0')}`
      for (const partition of [0, 1])
        await putLines(directory, `ds=${date}/p${partition}.jsonl`, rowsOf(day, partition))
    }
  })

  const rowsOf = (day: number, partition: number): object[] =>
    Array.from({ length: 10 }, (_, at) =>
      flatLine({
        partition,
        offset: (day - 1) * 10 + at,
        timestamp: Date.UTC(2026, 0, day, at),
        value: JSON.stringify({ user: 'u', ts: Date.UTC(2026, 0, day, at) }),
      }),
    )
  const day = (date: number): number => Date.UTC(2026, 0, date) / 86_400_000

  test('only files of the days that are needed are opened, and of the first and last ones to see how far it reaches', async () => {
    const storage = new WatchedStorage(directory)
    const archive = await openTestArchive({ storage, pipeline: PIPELINE, database })
    expect((await archive.extent()).partitions).toEqual(
      new Map([0, 1].map((partition) => [partition, { start: 0, end: 100 }])),
    )
    expect([...storage.opened].map((name) => name.slice(3, 13)).sort()).toEqual(
      ['01', '01', '02', '02', '09', '09', '10', '10'].map((date) => `2026-01-${date}`),
    )
    storage.opened.clear()
    const wanted: WantedOffsets[] = [0, 1].map((partition) => ({ partition, from: 43, to: 55 }))
    const { selection, partitions } = await archive.select(wanted, { first: day(5), last: day(6) })
    expect([...storage.opened].map((name) => name.slice(11, 13))).toEqual(['05', '05', '06', '06'])
    expect(selection.files.map(({ path: name }) => name)).toEqual(
      ['05', '06'].flatMap((date) => [0, 1].map((p) => `ds=2026-01-${date}/p${p}.jsonl`)),
    )
    expect(partitions[1]).toEqual({
      partition: 1,
      start: 40,
      end: 60,
      records: 20,
      gaps: [],
      absent: 0,
    })
  })

  test('where those days do not cover the offsets, days before and after them are taken until they do', async () => {
    const storage = new WatchedStorage(directory)
    const archive = await openTestArchive({ storage, pipeline: PIPELINE, database })
    const { selection } = await archive.select([{ partition: 0, from: 25, to: 81 }], {
      first: day(5),
      last: day(6),
    })
    expect(selection.files.map(({ path: name }) => name.slice(11, 13))).toEqual([
      '03',
      '04',
      '05',
      '06',
      '07',
      '08',
      '09',
    ])
  })

  test('missing files are gaps, by their offsets', async () => {
    await rm(path.join(directory, 'ds=2026-01-04/p1.jsonl'))
    const archive = await openTestArchive({
      storage: new WatchedStorage(directory),
      pipeline: PIPELINE,
      database,
    })
    const { partitions } = await archive.select(everything(2), {})
    expect(partitions.map(({ gaps }) => gaps)).toEqual([[], [{ partition: 1, from: 30, to: 40 }]])
  })

  test('a file that was changed after the plan is refused, whatever of it is read', async () => {
    const opened = { storage: new WatchedStorage(directory), pipeline: PIPELINE, database }
    const archive = await openTestArchive(opened)
    const { selection } = await archive.select(everything(2), {})
    const name = path.join(directory, 'ds=2026-01-02/p0.jsonl')
    const changed = rowsOf(2, 0)
      .map((each) => `${JSON.stringify(each)}\n`)
      .join('')
    await writeFile(name, changed.replace('"u"', '"v"'))
    const { source } = await archiveSource(opened, selection, { partitions: 2 })
    await using reader = await source.open(0, 0)
    await expect(readAll(reader, BYTES_MAX)).rejects.toThrow(
      /ds=2026-01-02\/p0.jsonl has other bytes/,
    )
    await rm(name)
    const again = await archiveSource(opened, selection, { partitions: 2 })
    await using gone = await again.source.open(0, 15)
    await expect(readAll(gone, BYTES_MAX)).rejects.toThrow(/p0.jsonl is gone/)
  })

  test('where the archive ends the topic goes on, at the same offsets', async () => {
    const opened = { storage: new WatchedStorage(directory), pipeline: PIPELINE, database }
    const archive = await openTestArchive(opened)
    const { selection } = await archive.select(everything(2), {})
    const topic = [0, 1].map(() =>
      Array.from({ length: 40 }, (_, at) => ({
        offset: 80 + at,
        timestamp: TS,
        key: null,
        value: Buffer.from(`from the topic ${80 + at}`),
      })),
    )
    const { source } = await archiveSource(opened, selection, {
      partitions: 2,
      log: new MemoryLog('topic', topic),
    })
    await using reader = await source.open(1, 95)
    expect(await reader.endOffset()).toBe(120)
    const read = await readAll(reader, 200)
    expect(read.map(({ offset }) => offset)).toEqual(Array.from({ length: 25 }, (_, at) => 95 + at))
    expect(read[5]?.value).toBe('from the topic 100')
    expect(read[4]?.value).toContain('"user":"u"')
    await using late = await source.open(0, 110)
    expect((await readAll(late, BYTES_MAX))[0]?.offset).toBe(110)
  })
})

test('files whose offsets interleave, repeat or are in no order give each record once, in order', async () => {
  const line = (offset: number, partition = 0): object =>
    flatLine({
      partition,
      offset,
      timestamp: TS,
      value: JSON.stringify({ user: `u${offset}`, ts: TS }),
    })
  await putLines(
    directory,
    'a.jsonl',
    [0, 2, 4, 6, 40].map((offset) => line(offset)),
  )
  await putLines(
    directory,
    'b.jsonl',
    [7, 3, 1, 5].map((offset) => line(offset)),
  )
  await putLines(directory, 'c.jsonl', [line(2), line(3), line(41, 1), line(9)])
  const archive = { storage: new WatchedStorage(directory), pipeline: PIPELINE, database }
  const { selection } = await (await openTestArchive(archive)).select(everything(2), {})
  const { source } = await archiveSource(archive, selection, { partitions: 2 })
  for (const bytes of [1, 300, BYTES_MAX]) {
    await using reader = await source.open(0, 1)
    const read = await readAll(reader, bytes)
    expect(read.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 40])
  }
})

test('rows without positions are a log of their own: files in the order of their paths, one partition', async () => {
  for (const [name, users] of [
    ['b/1', ['c', 'd']],
    ['a/2', ['a', 'b']],
  ] as const)
    await putParquet(database, directory, {
      name: `${name}.parquet`,
      sql: `SELECT unnest(['${users.join("','")}']) AS user, ${TS} AS ts, 1 AS amount, 1 AS big, 1.0 AS ratio, NULL::DATE AS born, {'id': 's'} AS shop`,
    })
  const archive = { storage: new WatchedStorage(directory), pipeline: PIPELINE, database }
  const { selection } = await (await openTestArchive(archive)).select(everything(3), {})
  expect(selection.hasPositions).toBe(false)
  const { source, pipeline } = await archiveSource(archive, selection, { partitions: 3 })
  expect(await source.topology()).toEqual({ partitions: 1 })
  await using reader = await source.open(0, 1)
  const read = await readAll(reader, BYTES_MAX)
  expect(
    read.map(({ offset, value }) => [offset, (JSON.parse(String(value)) as { user: string }).user]),
  ).toEqual([
    [1, 'b'],
    [2, 'c'],
    [3, 'd'],
  ])
  expect(read[0]?.timestamp).toBeNaN()
  expect(pipeline.source.format).toEqual({ kind: 'json' })
})

test.each([
  [
    'a.jsonl',
    '{"_partition":0,"_offset":1,"user":"u"}\n',
    /line 1: expected _partition, _offset and _timestamp.*no _timestamp/,
  ],
  [
    'a.jsonl',
    `${JSON.stringify(wholeLine({ partition: 0, offset: 1, timestamp: 1, value: 'x' }))}\nnot json\n`,
    /line 2: no JSON object/,
  ],
  ['a.avro', 'Obj', /a.avro: not to be read as an Avro container file/],
  ['a.parquet', 'PAR1 nothing', /a.parquet: not to be read as Parquet/],
  ['notes.txt', 'hello', /no file of events there, of 1 files/],
])('%s that is damaged or lacks something is told: %j', async (name, text, message) => {
  await writeFile(path.join(directory, name), text)
  await expect(decodedAll(0)).rejects.toThrow(message)
})
