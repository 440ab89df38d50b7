/**
 * Records and events, a batch at a time and by column: a batch of 20,000 records is a handful of arrays, not 20,000
 * objects. Nothing here owns bytes; positions point into the fetch's own buffer.
 */
import type { DayIndex } from './day.ts'
import type { Value } from './value.ts'

/** Records of one partition in offset order; offsets may have gaps. All arrays have `count` entries. */
export interface RecordBatch {
  readonly count: number
  readonly bytes: Buffer
  readonly offsets: Float64Array
  /** The record's own timestamp, ms; NaN where the log has none. */
  readonly timestamps: Float64Array
  /** Half-open byte ranges in `bytes`; a start of -1 is null. */
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  readonly headers?: readonly (readonly RecordHeader[] | undefined)[]
  /** The first offset not in this batch; the next read begins here. */
  readonly nextOffset: number
}

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** What decoding made of a record, before time is looked at. */
export const Decoded = { EVENT: 0, TOMBSTONE: 1, UNDECODABLE: 2, BAD_TIMESTAMP: 3 } as const

/**
 * A field of every record of a batch. `null`: absent or null. `undefined`: present with the wrong type, so that the
 * record is a `bad_field` of each view that uses the field.
 */
export type Column = (Value | undefined)[]

export interface EventBatch {
  readonly records: RecordBatch
  /** One of `Decoded` per record. */
  readonly outcomes: Uint8Array
  /** Integer ms; meaningful where the outcome is EVENT. */
  readonly eventTimes: Float64Array
  /** Present where the pipeline declares `event.id`; undefined for a record without one. */
  readonly ids?: readonly (string | undefined)[]
  /** By index in the pipeline's `source.fields`. Entries of records that are no events are unspecified. */
  readonly columns: readonly Column[]
  /** Record index -> what is wrong with it, for outcomes UNDECODABLE and BAD_TIMESTAMP. */
  readonly problems: ReadonlyMap<number, string>
}

/** An id of an event, and a bucket under which it was accepted, or was itself a duplicate. */
export interface SeenId {
  readonly id: string
  readonly day: DayIndex
}

/** `topic[partition]@offset`, the way a position is printed everywhere. */
export function position(topic: string, partition: number, offset: number): string {
  return `${topic}[${partition}]@${offset}`
}
