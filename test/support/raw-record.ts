/** A record as it lies in the log, before anything has understood it. What random logs are made of. */

export interface RawRecord {
  readonly offset: number
  /** The record's own timestamp, ms; NaN where the log has none. */
  readonly timestamp: number
  readonly key: string | null
  /** null is a tombstone. A string is its UTF-8 bytes. */
  readonly value: string | Uint8Array | null
  readonly headers?: Readonly<Record<string, string>>
}

export interface RawPartition {
  readonly partition: number
  readonly records: readonly RawRecord[]
  /** Where reading began; 0, the beginning of the log, where nothing else is said. */
  readonly origin?: number
  /** Highest watermark that an idle tick claimed: it closes days, and decides nothing else. */
  readonly tickedMs?: number
  /** Offsets of records that are as if the log did not have them. */
  readonly dropped?: readonly number[]
  /** Records that came too late and count all the same; the log may have forgotten them. */
  readonly accepted?: readonly RawRecord[]
}

export function valueBytes(record: RawRecord): Uint8Array | null {
  return typeof record.value === 'string' ? new TextEncoder().encode(record.value) : record.value
}
