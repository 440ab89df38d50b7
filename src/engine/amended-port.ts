/** Records that generations accept although they came too late, kept beside the generations' records: the port. The log may forget them. */
import type { RecordHeader } from '../core/event.ts'
import type { Amendment } from '../core/generation.ts'

/** An `accept` of a generation's record. */
export type Accepted = Extract<Amendment, { readonly kind: 'accept' }>

export interface KeptRecord {
  readonly partition: number
  readonly offset: number
  /** Ms; NaN where the log has none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/**
 * Found by the positions that a generation accepts, all of them: a position of a log has the same bytes for ever, so a generation
 * that accepts the same finds them too. Errors: TABLE_UNAVAILABLE (retry), TABLE_REFUSED.
 */
export interface AmendedRecords {
  /** Durable when it resolves; repeating it is harmless. To be done before the generation's record is put. */
  put(records: readonly KeptRecord[]): Promise<void>
  /** Exactly these, ascending by (partition, offset). Undefined: they are missing. */
  get(accepted: readonly Accepted[]): Promise<readonly KeptRecord[] | undefined>
  /** Where they should be, for people. */
  place(accepted: readonly Accepted[]): string
}

export function acceptedOf(amendments: readonly Amendment[]): Accepted[] {
  return amendments.filter((one) => one.kind === 'accept')
}
