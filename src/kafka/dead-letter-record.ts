/**
 * A reject as a record of the dead-letter topic: its position as key, the original value and headers as they were, and what
 * Tidemark says about it in further headers:
 *
 *     tidemark.format       1                  tidemark.message     what was expected and what was found
 *     tidemark.reason       bad_field          tidemark.timestamp   of the original record, ms
 *     tidemark.generation   3                  tidemark.event-time  ms
 *     tidemark.views        ["clicks"]         tidemark.key         the original key
 *     tidemark.late         {"day":"2026-01-31","entities":[{"view":"clicks","entity":"..."}]}
 *
 * Headers of ours come after the original ones, `tidemark.format` first, so that a dead letter of a dead letter reads back too.
 */
import { formatDay, parseDay } from '../core/day.ts'
import { position } from '../core/event.ts'
import type { RecordHeader } from '../core/event.ts'
import type { Reject, RejectReason } from '../engine/reject-port.ts'
import type { NewRecord } from './record-batch-writer.ts'

const FORMAT = '1'
const PREFIX = 'tidemark.'

export function deadLetterRecord(sourceTopic: string, reject: Reject, nowMs: number): NewRecord {
  const key = position(sourceTopic, reject.partition, reject.offset)
  return {
    key: Buffer.from(key),
    value: reject.value,
    headers: [...reject.headers, ...headersOf(reject)],
    // When it was rejected: the original time may be so old that the topic would forget it at once.
    timestamp: Math.round(nowMs),
  }
}

function headersOf(reject: Reject): RecordHeader[] {
  const { late, timestamp, eventTime, key } = reject
  const texts: Record<string, string | undefined> = {
    format: FORMAT,
    reason: reject.reason,
    generation: String(reject.generation),
    message: reject.message,
    views: reject.views.length === 0 ? undefined : JSON.stringify(reject.views),
    timestamp: Number.isNaN(timestamp) ? undefined : String(timestamp),
    'event-time': eventTime === undefined ? undefined : String(eventTime),
    late: late && JSON.stringify({ day: formatDay(late.day), entities: late.entities }),
  }
  const headers = Object.entries(texts).flatMap(([name, text]) =>
    text === undefined ? [] : [{ key: PREFIX + name, value: Buffer.from(text) }],
  )
  return key === null ? headers : [...headers, { key: `${PREFIX}key`, value: key }]
}

export interface RawDeadLetter {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

export interface DeadLetter {
  readonly sourceTopic: string
  readonly reject: Reject
}

/** Undefined: the record is none of ours. */
export function parseDeadLetter({ key, value, headers }: RawDeadLetter): DeadLetter | undefined {
  const ours = headers.findLastIndex((header) => header.key === `${PREFIX}format`)
  const place = key && /^(.+)\[(\d+)\]@(\d+)$/.exec(Buffer.from(key).toString())
  if (ours < 0 || !place) return undefined
  const found = new Map(headers.slice(ours).map((header) => [header.key, header.value]))
  const text = (name: string): string | undefined => {
    const bytes = found.get(PREFIX + name)
    return bytes ? Buffer.from(bytes).toString() : undefined
  }
  if (text('format') !== FORMAT) return undefined
  const [, sourceTopic = '', partition, offset] = place
  const eventTime = text('event-time')
  const late = parseLate(text('late'))
  const reject: Reject = {
    partition: Number(partition),
    offset: Number(offset),
    generation: Number(text('generation')),
    reason: text('reason') as RejectReason,
    views: JSON.parse(text('views') ?? '[]') as string[],
    message: text('message') ?? '',
    timestamp: Number(text('timestamp') ?? NaN),
    eventTime: eventTime === undefined ? undefined : Number(eventTime),
    key: found.get(`${PREFIX}key`) ?? null,
    value,
    headers: headers.slice(0, ours),
    ...(late && { late }),
  }
  return { sourceTopic, reject }
}

function parseLate(text: string | undefined): Reject['late'] {
  if (text === undefined) return undefined
  const { day, entities } = JSON.parse(text) as {
    readonly day: string
    readonly entities: readonly { readonly view: string; readonly entity: string }[]
  }
  const index = parseDay(day)
  return index === undefined ? undefined : { day: index, entities }
}
