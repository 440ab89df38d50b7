/**
 * Workload W1, seeded: what an activity log looks like to a feature pipeline.
 *
 *     users    Zipf(1.0) over 1,000,000, popular ones spread over the id space; 50,000 items
 *     types    88 % impressions, 10 % clicks, 2 % purchases; amounts in cents, on purchases only
 *     time     12 days from 2026-01-01 UTC, evenly along the log; 10 % up to 30 min out of order, 0.5 % up to 20 h late
 *
 * As JSON (about 123 bytes a value) and as Avro (about 38), in framed logs of 4 partitions by a hash of the user.
 */
import { slotOf } from '../src/core/slot.ts'
import { createRandom, createZipf } from './random.ts'

export const USERS = 1_000_000
export const PARTITIONS = 4
const ITEMS = 50_000
const START_MS = 1_767_225_600_000
const SPAN_MS = 12 * 86_400_000
const MINUTE_MS = 60_000

export type Encoding = 'json' | 'avro'
const TYPES = ['impression', 'click', 'purchase'] as const

/** Overwritten by each draw. */
export interface WorkloadEvent {
  sequence: number
  user: number
  item: number
  /** Index of impression, click, purchase. */
  type: number
  cents: number
  timeMs: number
  /** When the record was written. */
  writtenMs: number
}

/** The events in the order of the log, all in the same object. */
export function* workload(events: number, seed = 42): Generator<WorkloadEvent> {
  const random = createRandom(seed)
  const zipf = createZipf(USERS, random)
  const event = { sequence: 0, user: 0, item: 0, type: 0, cents: 0, timeMs: 0, writtenMs: 0 }
  for (let sequence = 0; sequence < events; sequence += 1) {
    event.sequence = sequence
    event.user = (zipf() * 7919 + 12345) % USERS
    event.item = random.below(ITEMS)
    const kind = random.below(100)
    event.type = kind < 88 ? 0 : kind < 98 ? 1 : 2
    event.cents = event.type === 2 ? 100 + random.below(50_000) : 0
    const order = random.below(1000)
    const backMs =
      order < 100 ? random.below(30 * MINUTE_MS) : order < 105 ? random.below(1200 * MINUTE_MS) : 0
    event.writtenMs = START_MS + Math.floor((sequence / events) * SPAN_MS)
    event.timeMs = event.writtenMs - backMs
    yield event
  }
}

/** By a hash of the key, as a producer would; another one than the hash slots inside a partition have. */
export function partitionOf(user: string): number {
  return slotOf(`partition of ${user}`, PARTITIONS)
}

export function encodeJson({ sequence, user, item, timeMs, type, cents }: WorkloadEvent): string {
  return `{"event_id":"e${sequence}","user_id":"u${user}","item_id":"i${item}","event_ts":${timeMs},"event_type":"${TYPES[type] ?? ''}","amount":${cents / 100}}`
}

/** Fields in the order of `w1.avsc`. */
export class AvroEncoder {
  readonly #bytes = Buffer.alloc(256)
  #at = 0

  /** Valid until the next call. */
  encode({ sequence, user, item, timeMs, type, cents }: WorkloadEvent): Buffer {
    this.#at = 0
    this.#text(`e${sequence}`)
    this.#text(`u${user}`)
    this.#text(`i${item}`)
    this.#long(timeMs)
    this.#long(type)
    this.#at = this.#bytes.writeDoubleLE(cents / 100, this.#at)
    return this.#bytes.subarray(0, this.#at)
  }

  #text(text: string): void {
    this.#long(text.length)
    this.#at += this.#bytes.write(text, this.#at, 'latin1')
  }

  /** Zigzag, seven bits a byte; none of ours is negative or has more than 53 bits. */
  #long(value: number): void {
    let rest = value * 2
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at++] = rest
  }
}
