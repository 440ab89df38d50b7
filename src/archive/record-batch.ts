/** Archived records as the batch that a log would have given. */
import type { RecordBatch } from '../core/event.ts'
import type { ArchivedRecord } from '../engine/archive-port.ts'

export function recordBatch(records: readonly ArchivedRecord[]): RecordBatch {
  const count = records.length
  const batch = {
    count,
    offsets: new Float64Array(count),
    timestamps: new Float64Array(count),
    keyStarts: new Int32Array(count),
    keyEnds: new Int32Array(count),
    valueStarts: new Int32Array(count),
    valueEnds: new Int32Array(count),
    nextOffset: (records[count - 1]?.offset ?? -1) + 1,
  }
  const bytes = Buffer.allocUnsafeSlow(records.reduce((sum, record) => sum + sizeOf(record), 0))
  let at = 0
  const place = (
    part: Uint8Array | null,
    index: number,
    [starts, ends]: readonly [Int32Array, Int32Array],
  ): void => {
    starts[index] = part === null ? -1 : at
    if (part !== null) {
      bytes.set(part, at)
      at += part.length
    }
    ends[index] = part === null ? -1 : at
  }
  records.forEach(({ offset, timestamp, key, value }, index) => {
    batch.offsets[index] = offset
    batch.timestamps[index] = timestamp
    place(key, index, [batch.keyStarts, batch.keyEnds])
    place(value, index, [batch.valueStarts, batch.valueEnds])
  })
  return { ...batch, bytes }
}

export function sizeOf({ key, value }: ArchivedRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}
