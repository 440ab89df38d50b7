/** What the decoder's columns hold, as plain records. */
import type { RecordBatch } from '../../src/core/event.ts'

export interface SeenRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

export function seenRecords(batch: RecordBatch): SeenRecord[] {
  const { bytes, keyStarts, keyEnds, valueStarts, valueEnds } = batch
  return Array.from({ length: batch.count }, (_, at) => ({
    offset: batch.offsets[at] ?? NaN,
    timestamp: batch.timestamps[at] ?? NaN,
    key: textAt(bytes, keyStarts[at], keyEnds[at]),
    value: textAt(bytes, valueStarts[at], valueEnds[at]),
    headers: (batch.headers?.[at] ?? []).map(({ key, value }) => [key, text(value)] as const),
  }))
}

function textAt(bytes: Buffer, start = NaN, end = NaN): string | null {
  return start === -1 ? null : bytes.toString('utf8', start, end)
}

function text(value: Uint8Array | null): string | null {
  return value === null ? null : Buffer.from(value).toString()
}
