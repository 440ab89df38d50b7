import { describe, expect, test } from 'vitest'
import type { Reject, RejectReason } from '../../src/engine/reject-port.ts'
import { deadLetterRecord, parseDeadLetter } from '../../src/kafka/dead-letter-record.ts'
import type { RawDeadLetter } from '../../src/kafka/dead-letter-record.ts'
import { decodeRecords } from '../../src/kafka/record-batch.ts'
import { encodeRecordBatch } from '../../src/kafka/record-batch-writer.ts'
import type { NewRecord } from '../../src/kafka/record-batch-writer.ts'
import { recordsOfAll } from '../conformance/record-source.ts'
import { fc, test as property } from '../support/properties.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const nullable = fc.option(bytes, { nil: null })
const headers = fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: nullable }), {
  maxLength: 4,
})
const reasons: RejectReason[] = ['undecodable', 'future', 'too_late', 'bad_field']
const reject: fc.Arbitrary<Reject> = fc
  .record({
    partition: fc.nat(5_000),
    offset: fc.nat(Number.MAX_SAFE_INTEGER),
    generation: fc.nat(99),
    reason: fc.constantFrom(...reasons),
    views: fc.array(fc.string()),
    message: fc.string({ unit: 'grapheme' }),
    timestamp: fc.oneof(fc.constant(NaN), fc.integer()),
    eventTime: fc.option(fc.integer(), { nil: undefined }),
    key: nullable,
    value: nullable,
    headers,
    late: fc.option(
      fc.record({
        day: fc.integer({ min: -10_000, max: 40_000 }),
        entities: fc.array(fc.record({ view: fc.string(), entity: fc.string() })),
      }),
      { nil: undefined },
    ),
  })
  .map(({ late, ...rest }) => ({ ...rest, ...(late && { late }) }))

/** Through the bytes of a record batch and back. */
function stored(records: readonly NewRecord[]): RawDeadLetter[] {
  const fetched = { records: encodeRecordBatch(records), aborted: [] }
  const place = { topic: 'dead', partition: 0 }
  const batch = decodeRecords(fetched, { from: 0, bytesMax: Infinity, ...place })
  return Array.from({ length: batch.count }, (_, index) => ({
    key: Buffer.from(batch.bytes.subarray(batch.keyStarts[index], batch.keyEnds[index])),
    value:
      batch.valueStarts[index] === -1
        ? null
        : Buffer.from(batch.bytes.subarray(batch.valueStarts[index], batch.valueEnds[index])),
    headers: batch.headers?.[index] ?? [],
  }))
}

describe('a dead letter', () => {
  property.prop([fc.array(reject, { minLength: 1, maxLength: 8 })])(
    'reads back as the reject that it was, whatever its bytes and headers',
    (rejects) => {
      const records = rejects.map((one) => deadLetterRecord('my.topic-1', one, 1_700_000_000_000))
      const back = stored(records).map((record) => parseDeadLetter(record))
      expect(back).toEqual(rejects.map((one) => ({ sourceTopic: 'my.topic-1', reject: one })))
    },
  )

  test('is keyed by its position, has the original bytes as value, and says why in headers', () => {
    const [record] = stored([
      deadLetterRecord(
        'clicks',
        {
          partition: 3,
          offset: 41,
          generation: 2,
          reason: 'bad_field',
          views: ['daily'],
          message: 'amount: expected a number, found "x"',
          timestamp: 1_700_000_000_000,
          eventTime: undefined,
          key: Buffer.from('u1'),
          value: Buffer.from('{"amount":"x"}'),
          headers: [
            { key: 'trace', value: Buffer.from('1') },
            { key: 'trace', value: null },
          ],
        },
        1_700_000_009_000,
      ),
    ])
    expect(String(record?.key)).toBe('clicks[3]@41')
    expect(String(record?.value)).toBe('{"amount":"x"}')
    expect(record?.headers.map(({ key, value }) => [key, value && String(value)])).toEqual([
      ['trace', '1'],
      ['trace', null],
      ['tidemark.format', '1'],
      ['tidemark.reason', 'bad_field'],
      ['tidemark.generation', '2'],
      ['tidemark.message', 'amount: expected a number, found "x"'],
      ['tidemark.views', '["daily"]'],
      ['tidemark.timestamp', '1700000000000'],
      ['tidemark.key', 'u1'],
    ])
  })

  property.prop([reject, reject])('of a dead letter reads back too', (first, second) => {
    const inner = deadLetterRecord('clicks', first, 1)
    const outer = { ...second, value: inner.value, headers: inner.headers }
    const [record] = stored([deadLetterRecord('dead', outer, 2)])
    expect(record && parseDeadLetter(record)?.reject.headers).toEqual(inner.headers)
  })

  test('is not what others wrote into the topic', () => {
    const key = Buffer.from('clicks[0]@1')
    const format = { key: 'tidemark.format', value: Buffer.from('1') }
    expect(parseDeadLetter({ key: null, value: null, headers: [format] })).toBeUndefined()
    expect(parseDeadLetter({ key, value: null, headers: [] })).toBeUndefined()
    expect(
      parseDeadLetter({ key: Buffer.from('u1'), value: null, headers: [format] }),
    ).toBeUndefined()
    const newer = { key: 'tidemark.format', value: Buffer.from('2') }
    expect(parseDeadLetter({ key, value: null, headers: [newer] })).toBeUndefined()
  })
})

describe('a record batch that is written', () => {
  test('has its records, timestamps and nulls in order', () => {
    const records = Array.from({ length: 300 }, (_, index) => ({
      key: Buffer.from(`k${index}`),
      value: index % 3 === 0 ? null : Buffer.from('v'.repeat(index)),
      headers: [],
      timestamp: 1_700_000_000_000 + (index % 7) * 1_000_000_000,
    }))
    const fetched = { records: encodeRecordBatch(records), aborted: [] }
    const batch = decodeRecords(fetched, {
      from: 0,
      bytesMax: Infinity,
      topic: 'dead',
      partition: 0,
    })
    expect([...batch.timestamps]).toEqual(records.map(({ timestamp }) => timestamp))
    expect(recordsOfAll([batch]).map(({ value }) => value)).toEqual(
      records.map(({ value }) => value && String(value)),
    )
  })
})
