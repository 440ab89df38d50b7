import { expect, test } from 'vitest'
import { decodeFetchResponse } from '../../src/kafka/fetch-response.ts'
import { bigEndian } from './encode-batch.ts'

const records = Buffer.from('not looked at')

function text(value: string): Buffer {
  return Buffer.concat([bigEndian(2, Buffer.byteLength(value)), Buffer.from(value)])
}

const body = Buffer.concat([
  ...[bigEndian(4, 17), bigEndian(2, 0), bigEndian(4, 99), bigEndian(4, 2)],
  ...[text('shop.events'), bigEndian(4, 1)],
  ...[
    bigEndian(4, 3),
    bigEndian(2, 0),
    bigEndian(8, 2n ** 53n - 1n),
    bigEndian(8, 2n ** 40n),
    bigEndian(8, 7),
  ],
  ...[bigEndian(4, 2), bigEndian(8, 2n ** 62n), bigEndian(8, 12), bigEndian(8, 5), bigEndian(8, 1)],
  ...[bigEndian(4, -1), bigEndian(4, records.length), records],
  ...[text('ünïcode'), bigEndian(4, 1)],
  ...[bigEndian(4, 0), bigEndian(2, 6), bigEndian(8, -1), bigEndian(8, -1), bigEndian(8, -1)],
  ...[bigEndian(4, -1), bigEndian(4, -1), bigEndian(4, -1)],
])

test('every field of a fetch response is read, and what is null is empty', () => {
  expect(decodeFetchResponse(body)).toEqual({
    throttleMs: 17,
    errorCode: 0,
    partitions: [
      {
        topic: 'shop.events',
        partition: 3,
        errorCode: 0,
        highWatermark: 2 ** 53 - 1,
        lastStableOffset: 2 ** 40,
        logStartOffset: 7,
        aborted: [
          { producerId: 2n ** 62n, firstOffset: 12 },
          { producerId: 5n, firstOffset: 1 },
        ],
        records,
      },
      {
        topic: 'ünïcode',
        partition: 0,
        errorCode: 6,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
        aborted: [],
        records: Buffer.alloc(0),
      },
    ],
  })
})

test('record sets are ranges of the response, not copies', () => {
  const [first] = decodeFetchResponse(body).partitions
  expect(first?.records.buffer).toBe(body.buffer)
})

test('a response that ends too early is refused wherever it was cut', () => {
  for (let end = 0; end < body.length; end++) {
    expect(() => decodeFetchResponse(body.subarray(0, end))).toThrow(/SOURCE_UNREADABLE/)
  }
})

test('an offset beyond 2^53 stops the process, since it could not be told from its neighbours', () => {
  const beyond = Buffer.from(body)
  bigEndian(8, 2n ** 53n).copy(beyond, body.indexOf('shop.events') + 'shop.events'.length + 4 + 6)
  expect(() => decodeFetchResponse(beyond)).toThrow(/invariant broken/)
})
