import { beforeAll, expect, test } from 'vitest'
import { loadCodecs } from '../../src/kafka/codecs.ts'
import type { DecodedRecords, FetchedRecords } from '../../src/kafka/record-batch.ts'
import { decodeRecords } from '../../src/kafka/record-batch.ts'
import { seenRecords } from './columns.ts'
import type { SeenRecord } from './columns.ts'
import type { PlainBatch } from './encode-batch.ts'
import type { LogBatch, RandomLog } from './random-log.ts'
import { randomLogs, seenIn } from './random-log.ts'
import { fc } from '../support/properties.ts'

beforeAll(loadCodecs)

const place = { topic: 'shop.events', partition: 3 }

function endOf({ baseOffset, lastOffsetDelta }: PlainBatch): number {
  return baseOffset + lastOffsetDelta + 1
}

/** What a broker answers to a fetch from `from`: from the batch that holds it, cut anywhere. */
function fetchFrom(
  { batches, aborted }: RandomLog,
  from: number,
  cut: number,
): {
  readonly fetched: FetchedRecords
  readonly whole: readonly LogBatch[]
} {
  const answered = batches.filter(({ batch }) => endOf(batch) > from)
  const bytes = Buffer.concat(answered.map((batch) => batch.bytes))
  const records = bytes.subarray(0, Math.round(bytes.length * cut))
  let at = 0
  const whole = answered.filter((batch) => (at += batch.bytes.length) <= records.length)
  const reaching = aborted.filter(({ markerOffset }) => markerOffset >= from)
  return { fetched: { records, aborted: reaching }, whole }
}

/** Call after call, each with what the one before it left. */
function decodeAll(
  fetched: FetchedRecords,
  from: number,
  bytesMax: number,
): {
  readonly seen: readonly SeenRecord[]
  readonly last: DecodedRecords
} {
  let last = decodeRecords(fetched, { ...place, from, bytesMax })
  const seen = seenRecords(last)
  while (last.rest !== undefined) {
    last = decodeRecords(last.rest, { ...place, from: last.nextOffset, bytesMax })
    seen.push(...seenRecords(last))
  }
  return { seen, last }
}

const fetches = fc.record({
  log: randomLogs,
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  bytesMax: fc.constantFrom(1, 100, 1_000, 1_000_000),
})

test('any log, fetched from anywhere, cut anywhere and decoded in any portions, gives its committed records', () => {
  fc.assert(
    fc.property(fetches, ({ log, at, cut, bytesMax }) => {
      const first = log.batches[0]?.batch.baseOffset ?? 0
      const end = log.batches.reduce((_, { batch }) => endOf(batch), first)
      const from = first + Math.round((end - first) * at)
      const { fetched, whole } = fetchFrom(log, from, cut)

      const { seen, last } = decodeAll(fetched, from, bytesMax)

      const expected = whole.flatMap((batch) => batch.seen)
      expect(seen).toEqual(expected.filter(({ offset }) => offset >= from))
      expect(last.nextOffset).toBe(whole.reduce((_, { batch }) => endOf(batch), from))
    }),
    { numRuns: 1_000 },
  )
}, 60_000)

test('who reads uncommitted records sees all but the markers', () => {
  fc.assert(
    fc.property(randomLogs, (log) => {
      const first = log.batches[0]?.batch.baseOffset ?? 0
      const { fetched } = fetchFrom(log, first, 1)
      const batch = decodeRecords(fetched, { ...place, from: first, readUncommitted: true })
      const data = log.batches.filter((entry) => entry.batch.marker === undefined)
      expect(seenRecords(batch)).toEqual(data.flatMap((entry) => seenIn(entry.batch)))
    }),
  )
})

test('whichever bit of a log flips, nothing wrong is read: it is refused, or what follows is not reached', () => {
  const flips = fc.record({ log: randomLogs, at: fc.nat(), bit: fc.nat(7) })
  fc.assert(
    fc.property(flips, ({ log, at, bit }) => {
      const { fetched, whole } = fetchFrom(log, 0, 1)
      fc.pre(whole.length > 0)
      const damaged = Buffer.from(fetched.records)
      const flipped = at % damaged.length
      damaged.writeUInt8(damaged.readUInt8(flipped) ^ (1 << bit), flipped)
      const inBatch = within(whole, flipped)
      fc.pre(!(inBatch < 8 || (inBatch >= 12 && inBatch < 16)))
      const outcome = attempt(() => decodeAll({ ...fetched, records: damaged }, 0, 1_000_000).seen)
      if (outcome instanceof Error) expect(outcome.message).toMatch(/\[SOURCE_UNREADABLE\]$/)
      else
        expect(
          isPrefix(
            outcome,
            whole.flatMap((batch) => batch.seen),
          ),
        ).toBe(true)
    }),
    { numRuns: 500 },
  )
})

/** Base offset and leader epoch are not under the checksum: where in its batch a byte lies. */
function within(batches: readonly LogBatch[], at: number): number {
  let start = 0
  for (const { bytes } of batches) {
    if (at < start + bytes.length) return at - start
    start += bytes.length
  }
  return -1
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work()
  } catch (error) {
    return error as Error
  }
}

function isPrefix(some: readonly SeenRecord[], all: readonly SeenRecord[]): boolean {
  expect(some).toEqual(all.slice(0, some.length))
  return true
}
