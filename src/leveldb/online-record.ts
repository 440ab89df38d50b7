/**
 * A value of the online store as bytes: what a write compares, then the plain layout's hash as JSON text, to the letter
 * what Redis would hold.
 *
 *     format u8 | expiry f64 | time to live f64 | generation f64 | offset f64 | day i32 | partition u32 | {"clicks_7d":"3",...}
 */
import { ENVELOPE } from '../core/online-row.ts'
import { formatDay, parseDay } from '../core/day.ts'
import type { OnlineValue, OnlineVersion } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'

const FORMAT = 1
const HEADER_BYTES = 41
const At = { EXPIRY: 1, TTL: 9, GENERATION: 17, OFFSET: 25, DAY: 33, PARTITION: 37 } as const

/** What decides about a write. */
export interface OnlineGuard {
  readonly expiryMs: number
  readonly version: OnlineVersion
  readonly partition: number
}

export function encodeOnline(value: OnlineValue, nowMs: number): Uint8Array {
  const text = hashText(value)
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(text))
  bytes[0] = FORMAT
  bytes.writeDoubleLE(nowMs + value.ttlMs, At.EXPIRY)
  bytes.writeDoubleLE(value.ttlMs, At.TTL)
  bytes.writeDoubleLE(value.version.generation, At.GENERATION)
  bytes.writeDoubleLE(value.version.offset, At.OFFSET)
  bytes.writeInt32LE(value.version.day, At.DAY)
  bytes.writeUInt32LE(value.partition, At.PARTITION)
  bytes.write(text, HEADER_BYTES)
  return bytes
}

/** @throws ONLINE_REFUSED for bytes of another format */
export function readGuard(bytes: Uint8Array): OnlineGuard {
  const view = viewOf(bytes)
  return {
    expiryMs: view.getFloat64(At.EXPIRY, true),
    version: {
      generation: view.getFloat64(At.GENERATION, true),
      offset: view.getFloat64(At.OFFSET, true),
      day: view.getInt32(At.DAY, true),
    },
    partition: view.getUint32(At.PARTITION, true),
  }
}

/** The same value with another time to live. */
export function renewed(bytes: Uint8Array, ttlMs: number, nowMs: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const view = viewOf(copy)
  view.setFloat64(At.EXPIRY, nowMs + ttlMs, true)
  view.setFloat64(At.TTL, ttlMs, true)
  return copy
}

/** @throws ONLINE_REFUSED for bytes of another format */
export function decodeOnline(bytes: Uint8Array, view: string, entity: string): OnlineValue {
  const { version, partition } = readGuard(bytes)
  const text = new TextDecoder().decode(bytes.subarray(HEADER_BYTES))
  const hash = Object.entries(JSON.parse(text) as Record<string, string>)
  const envelope = new Map(hash.filter(([name]) => ENVELOPE.has(name)))
  const next = envelope.get('_next')
  const eventTime = envelope.get('_event_time')
  return {
    view,
    entity,
    partition,
    version,
    fields: hash.filter(([name]) => !ENVELOPE.has(name)),
    nextDay: next === undefined ? undefined : parseDay(next),
    watermark: Number(envelope.get('_watermark')),
    eventTime: eventTime === undefined ? undefined : Number(eventTime),
    state: envelope.get('_state') === 'final' ? 'final' : 'provisional',
    definition: envelope.get('_definition') ?? '',
    ttlMs: viewOf(bytes).getFloat64(At.TTL, true),
  }
}

/** Written by hand: an object would reorder fields whose names look like numbers, and cost twice the time. */
function hashText(value: OnlineValue): string {
  const { generation, offset, day } = value.version
  let text = '{'
  for (const [name, field] of value.fields)
    text += `${JSON.stringify(name)}:${JSON.stringify(field)},`
  text += `"_asof":"${formatDay(day)}",`
  if (value.nextDay !== undefined) text += `"_next":"${formatDay(value.nextDay)}",`
  text += `"_watermark":"${value.watermark}",`
  if (value.eventTime !== undefined) text += `"_event_time":"${value.eventTime}",`
  text += `"_state":"${value.state}","_version":"${generation}.${offset}.${day}",`
  return `${text}"_partition":"${value.partition}","_definition":${JSON.stringify(value.definition)}}`
}

function viewOf(bytes: Uint8Array): DataView {
  if (bytes[0] === FORMAT && bytes.length >= HEADER_BYTES) {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  throw new TidemarkError(
    'ONLINE_REFUSED',
    `a value in the online store has format ${bytes[0]}, this version reads ${FORMAT}. Use the version that wrote it, or move the store's directory away: every value is told again from the state`,
  )
}
