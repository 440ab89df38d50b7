/** A milestone as bytes: format u8, then seven float64 (little endian). JSON has no NaN, and a timestamp may be one. */
import type { Milestone } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'

const FORMAT = 2
const FIELDS = 7

export function encodeMilestone(milestone: Milestone): Uint8Array {
  const { day, generation, offset, watermark, maxEventTime, timestamp, newestIdDay } = milestone
  const bytes = new Uint8Array(1 + 8 * FIELDS)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, FORMAT)
  for (const [index, value] of [
    day,
    generation,
    offset,
    watermark,
    maxEventTime,
    timestamp,
    newestIdDay,
  ].entries()) {
    view.setFloat64(1 + 8 * index, value, true)
  }
  return bytes
}

/** @throws STATE_DAMAGED for bytes of another format */
export function decodeMilestone(bytes: Uint8Array): Milestone {
  if (bytes[0] !== FORMAT || bytes.length !== 1 + 8 * FIELDS) {
    throw new TidemarkError(
      'STATE_DAMAGED',
      `a stored milestone has format ${bytes[0]}, this version reads ${FORMAT}. Use the version that wrote it, or move the state's directory away and start again; the state is rebuilt from the log`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const field = (index: number): number => view.getFloat64(1 + 8 * index, true)
  return {
    day: field(0),
    generation: field(1),
    offset: field(2),
    watermark: field(3),
    maxEventTime: field(4),
    timestamp: field(5),
    newestIdDay: field(6),
  }
}
