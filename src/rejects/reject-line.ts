/**
 * A reject as one line of JSON: for people (positions, dates and text in the clear) and for machines (the original bytes
 * in base64, from which the record can be made again).
 */
import { isUtf8 } from 'node:buffer'
import { formatDay, parseDay } from '../core/day.ts'
import { position } from '../core/event.ts'
import type { Reject, RejectReason } from '../engine/reject-port.ts'
import { invariant } from '../errors.ts'

interface LineBytes {
  readonly base64: string
  /** The same bytes, where they are text. */
  readonly text?: string
}

interface RejectLine {
  readonly position: string
  readonly partition: number
  readonly offset: number
  readonly generation: number
  readonly reason: RejectReason
  readonly views: readonly string[]
  readonly message: string
  /** Ms; null where the log has none. */
  readonly timestamp: number | null
  readonly eventTime: number | null
  readonly key: LineBytes | null
  readonly value: LineBytes | null
  readonly headers: readonly { readonly key: string; readonly value: LineBytes | null }[]
  readonly late?: {
    readonly day: string
    readonly entities: readonly { readonly view: string; readonly entity: string }[]
  }
}

/** With its line end. */
export function rejectLine(topic: string, reject: Reject): string {
  const { partition, offset, late } = reject
  const line: RejectLine = {
    position: position(topic, partition, offset),
    partition,
    offset,
    generation: reject.generation,
    reason: reject.reason,
    views: reject.views,
    message: reject.message,
    timestamp: Number.isNaN(reject.timestamp) ? null : reject.timestamp,
    eventTime: reject.eventTime ?? null,
    key: toLine(reject.key),
    value: toLine(reject.value),
    headers: reject.headers.map(({ key, value }) => ({ key, value: toLine(value) })),
    ...(late && { late: { day: formatDay(late.day), entities: late.entities } }),
  }
  return JSON.stringify(line) + '\n'
}

export function parseRejectLine(text: string): Reject {
  const line = JSON.parse(text) as RejectLine
  return {
    partition: line.partition,
    offset: line.offset,
    generation: line.generation,
    reason: line.reason,
    views: line.views,
    message: line.message,
    timestamp: line.timestamp ?? NaN,
    eventTime: line.eventTime ?? undefined,
    key: fromLine(line.key),
    value: fromLine(line.value),
    headers: line.headers.map(({ key, value }) => ({ key, value: fromLine(value) })),
    ...(line.late && { late: { day: dayOf(line.late.day), entities: line.late.entities } }),
  }
}

function toLine(bytes: Uint8Array | null): LineBytes | null {
  if (bytes === null) return null
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const base64 = buffer.toString('base64')
  return isUtf8(buffer) ? { base64, text: buffer.toString('utf8') } : { base64 }
}

function fromLine(line: LineBytes | null): Uint8Array | null {
  return line === null ? null : Buffer.from(line.base64, 'base64')
}

function dayOf(text: string): number {
  const day = parseDay(text)
  invariant(day !== undefined, `a reject's day is a date, not ${text}`)
  return day
}
