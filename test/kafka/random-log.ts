/**
 * Random logs of one partition, as batches, and what a reader of them must see: every record whose transaction was not
 * aborted, worked out from the log as a whole, the way no decoder can.
 */
import { fc } from '@fast-check/vitest'
import type { AbortedTransaction } from '../../src/kafka/fetch-response.ts'
import type { SeenRecord } from './columns.ts'
import type { PlainBatch, PlainRecord } from './encode-batch.ts'
import { CODEC_NAMES, encodeBatch } from './encode-batch.ts'

export interface LogBatch {
  readonly batch: PlainBatch
  readonly bytes: Buffer
  readonly seen: readonly SeenRecord[]
  readonly isAborted: boolean
}

export interface RandomLog {
  readonly batches: readonly LogBatch[]
  /** With the offset of their markers, in whose order a broker tells them. */
  readonly aborted: readonly (AbortedTransaction & { readonly markerOffset: number })[]
}

/** As much of a batch as can be drawn before it has an offset. */
interface Draft {
  readonly kind: 'plain' | 'idempotent' | 'transactional' | 'commit' | 'abort'
  readonly producer: number
  readonly gapBefore: number
  readonly gapAfter: number
  readonly codec: (typeof CODEC_NAMES)[number]
  readonly appendTime: bigint | undefined
  readonly baseTimestamp: bigint | undefined
  readonly records: readonly (Omit<PlainRecord, 'offsetDelta'> & { readonly gap: number })[]
}

const text = fc.constantFrom(null, '', 'k', '\0\0\0\0', 'ключ', 'x'.repeat(200))
const timestamps = fc.oneof(
  fc.bigInt({ min: 1_722_800_000_000n, max: 1_722_800_100_000n }),
  fc.constantFrom(-1n, 0n, 4_102_444_800_000n),
)

const records = fc.record({
  timestamp: timestamps,
  key: text,
  value: text,
  headers: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    fc.array(fc.record({ key: fc.constantFrom('', 'trace', 'ä'), value: text }), { maxLength: 3 }),
  ),
  gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(100)),
})

const drafts: fc.Arbitrary<Draft> = fc.record({
  kind: fc.constantFrom('plain', 'idempotent', 'transactional', 'transactional', 'commit', 'abort'),
  producer: fc.integer({ min: 1, max: 3 }),
  gapBefore: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(5)),
  gapAfter: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(5)),
  codec: fc.constantFrom(...CODEC_NAMES),
  appendTime: fc.option(fc.constant(1_722_900_000_000n), { nil: undefined, freq: 4 }),
  baseTimestamp: fc.option(fc.constantFrom(0n, 1_800_000_000_000n), { nil: undefined, freq: 4 }),
  records: fc.array(records, { maxLength: 6 }),
})

export const randomLogs: fc.Arbitrary<RandomLog> = fc
  .tuple(fc.constantFrom(0, 1_000, 2 ** 40), fc.array(drafts, { maxLength: 14 }))
  .map(([start, list]) => buildLog(start, list))

function buildLog(start: number, list: readonly Draft[]): RandomLog {
  let offset = start
  const batches = list.map((draft) => {
    const batch = placeBatch(draft, offset + draft.gapBefore)
    offset = batch.baseOffset + batch.lastOffsetDelta + 1
    return batch
  })
  const aborted = abortedTransactions(batches)
  return {
    aborted,
    batches: batches.map((batch) => {
      const isAborted = isPartOf(batch, aborted)
      const seen = batch.marker === undefined && !isAborted ? seenIn(batch) : []
      return { batch, bytes: encodeBatch(batch), seen, isAborted }
    }),
  }
}

function placeBatch(draft: Draft, baseOffset: number): PlainBatch {
  const { kind, producer, codec } = draft
  const producerId = 2n ** 60n + BigInt(producer)
  if (kind === 'commit' || kind === 'abort') {
    return {
      baseOffset,
      lastOffsetDelta: 0,
      records: [],
      producerId,
      isTransactional: true,
      marker: kind,
    }
  }
  let delta = -1
  const placed = draft.records.map(({ gap, ...record }) => ({
    ...record,
    offsetDelta: (delta += 1 + gap),
  }))
  return {
    baseOffset,
    lastOffsetDelta: Math.max(delta, 0) + draft.gapAfter,
    records: placed,
    codec: placed.length === 0 ? 'none' : codec,
    producerId: kind === 'plain' ? -1n : producerId,
    isTransactional: kind === 'transactional',
    ...(draft.appendTime !== undefined && { logAppendTime: draft.appendTime }),
    ...(draft.baseTimestamp !== undefined && { baseTimestamp: draft.baseTimestamp }),
  }
}

/** A transaction is what its producer wrote since its last marker. */
function abortedTransactions(batches: readonly PlainBatch[]): RandomLog['aborted'] {
  const begun = new Map<bigint, number>()
  const aborted: RandomLog['aborted'][number][] = []
  for (const { isTransactional, producerId = -1n, marker, baseOffset } of batches) {
    if (isTransactional !== true) continue
    const firstOffset = begun.get(producerId)
    if (marker === undefined) begun.set(producerId, firstOffset ?? baseOffset)
    else begun.delete(producerId)
    if (marker === 'abort' && firstOffset !== undefined) {
      aborted.push({ producerId, firstOffset, markerOffset: baseOffset })
    }
  }
  return aborted
}

function isPartOf(batch: PlainBatch, aborted: RandomLog['aborted']): boolean {
  return aborted.some(
    ({ producerId, firstOffset, markerOffset }) =>
      batch.isTransactional === true &&
      batch.producerId === producerId &&
      batch.baseOffset >= firstOffset &&
      batch.baseOffset < markerOffset,
  )
}

export function seenIn({ baseOffset, records: list, logAppendTime }: PlainBatch): SeenRecord[] {
  return list.map(({ offsetDelta, timestamp, key, value, headers }) => {
    const time = Number(logAppendTime ?? timestamp)
    return {
      offset: baseOffset + offsetDelta,
      timestamp: time === -1 ? NaN : time,
      key,
      value,
      headers: headers.map((header) => [header.key, header.value] as const),
    }
  })
}
