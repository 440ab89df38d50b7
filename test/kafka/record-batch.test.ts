import { beforeAll, describe, expect, test } from 'vitest'
import { batchEnd } from '../../src/kafka/batch-header.ts'
import { loadCodecs } from '../../src/kafka/codecs.ts'
import type { DecodeOptions, DecodedRecords } from '../../src/kafka/record-batch.ts'
import { decodeRecords } from '../../src/kafka/record-batch.ts'
import { seenRecords } from './columns.ts'
import type { PlainBatch, PlainRecord } from './encode-batch.ts'
import { CODEC_NAMES, bigEndian, encodeBatch, slowCrc32c, varint } from './encode-batch.ts'

beforeAll(loadCodecs)

const NOON = 1_722_859_200_000n

function record(offsetDelta: number, more: Partial<PlainRecord> = {}): PlainRecord {
  return { offsetDelta, timestamp: NOON, key: 'k', value: `v${offsetDelta}`, headers: [], ...more }
}

function batchAt(baseOffset: number, more: Partial<PlainBatch> = {}): PlainBatch {
  const records = more.records ?? [record(0), record(1), record(2)]
  return { baseOffset, lastOffsetDelta: Math.max(records.length - 1, 0), records, ...more }
}

function decode(records: Buffer, options: Partial<DecodeOptions> = {}): DecodedRecords {
  const where = { topic: 'shop.events', partition: 3, from: 0, ...options }
  return decodeRecords({ records, aborted: [] }, where)
}

function encode(...batches: readonly PlainBatch[]): Buffer {
  return Buffer.concat(batches.map(encodeBatch))
}

/** Puts the right checksum over whatever was done to the batch's bytes. */
function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(slowCrc32c(bytes.subarray(21)), 17)
  return bytes
}

describe('positions', () => {
  test('records below the offset that was asked for are left out', () => {
    const batch = decode(encode(batchAt(10), batchAt(13)), { from: 12 })
    expect([...batch.offsets]).toEqual([12, 13, 14, 15])
    expect(batch.count).toBe(4)
    expect(batch.nextOffset).toBe(16)
  })

  test('the next offset moves over offsets that compaction took, also at the end of a batch', () => {
    const batch = decode(encode(batchAt(10, { records: [record(4)], lastOffsetDelta: 9 })))
    expect([...batch.offsets]).toEqual([14])
    expect(batch.nextOffset).toBe(20)
  })

  test('a batch that compaction emptied moves the next offset and has no records', () => {
    const batch = decode(encode(batchAt(10, { records: [], lastOffsetDelta: 4 })), { from: 10 })
    expect(batch).toMatchObject({ count: 0, nextOffset: 15, rest: undefined })
  })

  test('also one that says how its records were compressed', () => {
    const empty = batchAt(10, { records: [], lastOffsetDelta: 4, codecNumber: 1 })
    expect(decode(encode(empty, batchAt(15)))).toMatchObject({ count: 3, nextOffset: 18 })
  })

  test('a batch that was cut short comes with the next fetch', () => {
    const bytes = encode(batchAt(10), batchAt(13))
    const batch = decode(bytes.subarray(0, bytes.length - 1), { from: 10 })
    expect(batch).toMatchObject({ count: 3, nextOffset: 13 })
  })

  test('a first batch that is larger than the fetch leaves the position, and its length says how many bytes to ask for', () => {
    const bytes = encode(batchAt(10))
    const batch = decode(bytes.subarray(0, bytes.length - 1), { from: 10 })
    expect(batch).toMatchObject({ count: 0, nextOffset: 10, rest: undefined })
    const place = { topic: 'shop.events', partition: 3 }
    expect(batchEnd(bytes.subarray(0, 17), 0, place)).toBe(bytes.length)
  })

  test('no records at all leave the position where it was', () => {
    const batch = decode(Buffer.alloc(0), { from: 10 })
    expect(batch).toMatchObject({ count: 0, nextOffset: 10 })
  })

  test.each(['none', 'gzip'] as const)(
    '200,000 records in one batch are read, codec %s',
    (codec) => {
      const records = Array.from({ length: 200_000 }, (_, at) =>
        record(at, { key: null, value: '' }),
      )
      const batch = decode(encode(batchAt(2 ** 52, { records, codec })))
      expect(batch.count).toBe(200_000)
      expect(batch.offsets.at(-1)).toBe(2 ** 52 + 199_999)
      expect(batch.keyStarts.every((start) => start === -1)).toBe(true)
      expect(batch.valueStarts.every((start, at) => start === batch.valueEnds[at])).toBe(true)
    },
  )

  test('a call stops behind the batch that reaches its limit, and the next one goes on from there', () => {
    const bytes = encode(batchAt(0), batchAt(3, { codec: 'gzip' }), batchAt(6))
    const first = decode(bytes, { bytesMax: 1 })
    expect(first.nextOffset).toBe(3)
    const second = decode(first.rest?.records ?? Buffer.alloc(0), { from: 3, bytesMax: 1_000 })
    expect([...second.offsets]).toEqual([3, 4, 5, 6, 7, 8])
    expect(second.rest).toBeUndefined()
  })
})

describe('columns', () => {
  test('what was not compressed is not copied', () => {
    const bytes = encode(batchAt(0), batchAt(3))
    expect(decode(bytes).bytes).toBe(bytes)
  })

  test('compressed and uncompressed batches of one fetch share one buffer', () => {
    const bytes = encode(...CODEC_NAMES.map((codec, at) => batchAt(at * 3, { codec })))
    const values = seenRecords(decode(bytes)).map(({ value }) => value)
    expect(values).toEqual(CODEC_NAMES.flatMap(() => ['v0', 'v1', 'v2']))
  })

  test('null, empty and missing are three things', () => {
    const headers = [
      { key: 'h', value: null },
      { key: 'h', value: '' },
    ]
    const records = [
      record(0, { key: null, value: '', headers }),
      record(1, { key: '', value: null }),
    ]
    const batch = decode(encode(batchAt(0, { records })))
    expect(seenRecords(batch)).toMatchObject([
      {
        key: null,
        value: '',
        headers: [
          ['h', null],
          ['h', ''],
        ],
      },
      { key: '', value: null, headers: [] },
    ])
    expect(batch.headers?.[1]).toBeUndefined()
  })

  test('headers stay with their records where earlier records are left out', () => {
    const records = [0, 1, 2].map((at) =>
      record(at, { headers: at === 0 ? [] : [{ key: 'at', value: String(at) }] }),
    )
    const batch = decode(encode(batchAt(0, { records })), { from: 2 })
    expect(seenRecords(batch)).toMatchObject([{ offset: 2, headers: [['at', '2']] }])
    expect(batch.headers).toHaveLength(1)
  })

  test('records without headers have no column of headers', () => {
    expect(decode(encode(batchAt(0))).headers).toBeUndefined()
  })

  test('where the broker stamps records, every one has the time of the append', () => {
    const records = [record(0, { timestamp: 5n }), record(1, { timestamp: -1n })]
    const batch = decode(encode(batchAt(0, { records, logAppendTime: NOON })))
    expect([...batch.timestamps]).toEqual([Number(NOON), Number(NOON)])
  })

  test('a record without a timestamp has NaN', () => {
    const records = [record(0, { timestamp: -1n }), record(1)]
    expect([...decode(encode(batchAt(0, { records }))).timestamps]).toEqual([NaN, Number(NOON)])
  })

  test('a timestamp in nanoseconds is a time far ahead, not a failure of the read', () => {
    const records = [record(0, { timestamp: NOON * 1_000_000n }), record(1)]
    const batch = decode(encode(batchAt(0, { records })))
    expect(batch.timestamps[0]).toBeCloseTo(Number(NOON) * 1e6, -3)
  })
})

describe('transactions', () => {
  /** One record each; `a` and `b` are producers. */
  const ids = { a: 20n, b: 19n }
  function data(offset: number, producer: 'a' | 'b', value: string, key = 'k'): PlainBatch {
    const records = [record(0, { value, key })]
    return batchAt(offset, { records, producerId: ids[producer], isTransactional: true })
  }
  function marker(offset: number, producer: 'a' | 'b', type: 'commit' | 'abort'): PlainBatch {
    return batchAt(offset, {
      records: [],
      producerId: ids[producer],
      isTransactional: true,
      marker: type,
    })
  }
  function committed(
    aborted: readonly (readonly ['a' | 'b', number])[],
    ...batches: readonly PlainBatch[]
  ): (string | null)[] {
    const list = aborted.map(([producer, firstOffset]) => ({
      producerId: ids[producer],
      firstOffset,
    }))
    const fetched = { records: encode(...batches), aborted: list }
    const batch = decodeRecords(fetched, { topic: 't', partition: 0, from: 0 })
    expect(batch.nextOffset).toBe((batches.at(-1)?.baseOffset ?? NaN) + 1)
    return seenRecords(batch).map(({ value }) => value)
  }

  test('aborted transactions that overlap, which the broker tells in the order of their markers, are both left out', () => {
    //  a  0-----2-----------X6
    //  b     1-----3--X4
    //  b                5 (committed) 7
    const seen = committed(
      [
        ['b', 1],
        ['a', 0],
      ],
      ...[data(0, 'a', 'a0'), data(1, 'b', 'b1'), data(2, 'a', 'a2'), data(3, 'b', 'b3')],
      ...[marker(4, 'b', 'abort'), data(5, 'b', 'b5'), marker(6, 'a', 'abort')],
      ...[marker(7, 'b', 'commit'), data(8, 'a', 'a8'), marker(9, 'a', 'commit')],
    )
    expect(seen).toEqual(['b5', 'a8'])
  })

  test('a record whose key is four zero bytes ends no transaction', () => {
    const seen = committed(
      [['a', 0]],
      ...[data(0, 'a', 'a0', '\0\0\0\0'), data(1, 'a', 'a1', '\0\0\0\0'), marker(2, 'a', 'abort')],
      ...[data(3, 'a', 'a3', '\0\0\0\0'), marker(4, 'a', 'commit')],
    )
    expect(seen).toEqual(['a3'])
  })

  test('several aborted transactions of one producer, one after the other, are all left out', () => {
    const seen = committed(
      [
        ['a', 0],
        ['a', 2],
        ['a', 4],
      ],
      ...[data(0, 'a', 'a0'), marker(1, 'a', 'abort'), data(2, 'a', 'a2'), marker(3, 'a', 'abort')],
      ...[
        data(4, 'a', 'a4'),
        marker(5, 'a', 'abort'),
        data(6, 'a', 'a6'),
        marker(7, 'a', 'commit'),
      ],
    )
    expect(seen).toEqual(['a6'])
  })

  test('a record outside any transaction is seen although its producer aborts one', () => {
    const outside = batchAt(1, { records: [record(0, { value: 'plain' })], producerId: ids.a })
    const seen = committed([['a', 0]], data(0, 'a', 'a0'), outside, marker(2, 'a', 'abort'))
    expect(seen).toEqual(['plain'])
  })

  test('a transaction that began before the fetch is left out up to its marker', () => {
    const seen = committed(
      [['a', 2]],
      ...[
        data(5, 'a', 'a5'),
        marker(6, 'a', 'abort'),
        data(7, 'a', 'a7'),
        marker(8, 'a', 'commit'),
      ],
    )
    expect(seen).toEqual(['a7'])
  })

  test('a transaction whose commit marker comes does not stay aborted by an abort of another', () => {
    const seen = committed(
      [['b', 1]],
      ...[data(0, 'a', 'a0'), data(1, 'b', 'b1'), marker(2, 'a', 'commit'), data(3, 'b', 'b3')],
      marker(4, 'b', 'abort'),
    )
    expect(seen).toEqual(['a0'])
  })

  test('a marker is never a record, also for those who read uncommitted records', () => {
    const bytes = encode(data(0, 'a', 'a0'), marker(1, 'a', 'abort'))
    const batch = decode(bytes, { readUncommitted: true })
    expect(seenRecords(batch).map(({ value }) => value)).toEqual(['a0'])
    expect(batch.nextOffset).toBe(2)
  })
})

describe('what cannot be read is refused with its position', () => {
  function refused(bytes: Buffer): string {
    let message = ''
    expect(() => {
      try {
        decode(bytes)
      } catch (error) {
        message = (error as Error).message
        throw error
      }
    }).toThrow(expect.objectContaining({ code: 'SOURCE_UNREADABLE' }))
    return message
  }

  test('a batch whose bytes changed: both checksums, and what to do', () => {
    const bytes = encode(batchAt(0), batchAt(3))
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3)
    expect(refused(bytes)).toMatch(
      /^shop\.events\[3\]@3: the record batch has the checksum [0-9a-f]{8} where [0-9a-f]{8} was written \(CRC-32C\)\. The bytes changed .*Start again/,
    )
  })

  test('also a batch that nobody would have seen: its header moves the position', () => {
    const bytes = encode(batchAt(0, { records: [], lastOffsetDelta: 0 }))
    bytes.writeInt32BE(7, 23)
    expect(refused(bytes)).toMatch(/checksum/)
  })

  test.each([0, 1])('a message set of the old format, version %i, is named as such', (magic) => {
    const bytes = encode(batchAt(3))
    bytes.writeInt8(magic, 16)
    expect(refused(bytes)).toMatch(
      new RegExp(`^shop\\.events\\[3\\]@3: a message set of the old format \\(version ${magic}\\)`),
    )
  })

  test('a format that is not known', () => {
    const bytes = encode(batchAt(3))
    bytes.writeInt8(3, 16)
    expect(refused(bytes)).toMatch(/@3: expected a record batch of version 2, found version 3/)
  })

  test.each([-1, 0, 48])('a batch that says it is %i bytes long', (length) => {
    const bytes = encode(batchAt(3))
    bytes.writeInt32BE(length, 8)
    expect(refused(bytes)).toMatch(new RegExp(`@3: a record batch of ${length} bytes`))
  })

  test('batches that are not in the order of their offsets', () => {
    expect(refused(encode(batchAt(10), batchAt(12)))).toMatch(
      /@12: the record batch begins at offset 12, the one before it ended at 13/,
    )
  })

  test.each([-1, 1_000_000, 2 ** 31 - 1])('a batch that says it has %i records', (count) => {
    expect(refused(encode(batchAt(3, { count })))).toMatch(
      new RegExp(`@3: a record batch of ${count} records in \\d+ bytes\\. Its checksum is right`),
    )
  })

  test.each([5, 6, 7])('codec %i, which Kafka does not have', (codecNumber) => {
    expect(refused(encode(batchAt(3, { codecNumber })))).toMatch(
      `@3: a record batch compressed by codec ${codecNumber}: `,
    )
  })

  test.each([
    [1, 'gzip'],
    [2, 'snappy'],
    [3, 'lz4'],
    [4, 'zstd'],
  ])('data that codec %i, %s, did not write', (codecNumber, name) => {
    expect(refused(encode(batchAt(3, { codecNumber })))).toMatch(
      `@3: a record batch compressed by ${name}: `,
    )
  })

  const body = (...parts: readonly (Buffer | bigint)[]): Buffer => {
    const content = Buffer.concat(
      parts.map((part) => (typeof part === 'bigint' ? varint(part) : part)),
    )
    return Buffer.concat([varint(BigInt(content.length)), content])
  }
  const attributes = Buffer.of(0)
  const HUGE = 2n ** 31n - 1n

  test.each([
    ['a record that is longer than its batch', 1, Buffer.concat([varint(9n), Buffer.alloc(8)])],
    ['a record of negative length', 1, Buffer.concat([varint(-1n), Buffer.alloc(8)])],
    [
      'a length that is not that of its record',
      2,
      Buffer.concat([
        ...[varint(7n), attributes, ...[0n, 0n, -1n, -1n, 0n].map(varint)],
        body(attributes, 0n, 1n, -1n, -1n, 0n),
      ]),
    ],
    [
      'a record of 2 GiB and as many headers',
      1,
      Buffer.concat([...[varint(HUGE), attributes, ...[0n, 0n, -1n, -1n, HUGE].map(varint)]]),
    ],
    ['a key that ends beyond its record', 1, body(attributes, 0n, 0n, 5n, -1n, 0n, 0n)],
    ['a key of 2 GiB', 1, body(attributes, 0n, 0n, HUGE, -1n, 0n)],
    ['a header that is missing', 1, body(attributes, 0n, 0n, -1n, -1n, 1n)],
    ['a negative number of headers', 1, body(attributes, 0n, 0n, -1n, -1n, -1n)],
    ['a header that ends beyond its record', 1, body(attributes, 0n, 0n, -1n, -1n, 1n, 9n, -1n)],
    ['bytes behind the last header', 1, body(attributes, 0n, 0n, -1n, -1n, 0n, Buffer.of(0))],
    ['an offset beyond those of its batch', 1, body(attributes, 0n, 1n, -1n, -1n, 0n)],
    ['an offset below those of its batch', 1, body(attributes, 0n, -1n, -1n, -1n, 0n)],
    [
      'bytes behind the last record',
      1,
      Buffer.concat([body(attributes, 0n, 0n, -1n, -1n, 0n), Buffer.of(0)]),
    ],
  ])('%s', (_, count, payload) => {
    const bytes = encode(batchAt(3, { records: [], count, lastOffsetDelta: count - 1, payload }))
    expect(refused(bytes)).toMatch(/@3: a record batch with .*Its checksum is right/)
  })

  test('two records at one offset', () => {
    const records = [record(0), record(0)]
    expect(refused(encode(batchAt(3, { records })))).toMatch(
      /a record whose offset is out of order/,
    )
  })

  test('an end of the batch before its beginning', () => {
    const bytes = encode(batchAt(3, { records: [] }))
    bigEndian(4, -1).copy(bytes, 23)
    expect(refused(withChecksum(bytes))).toMatch(
      /@3: a record batch whose last offset is -1 from its first\. Its checksum is right/,
    )
  })
})
