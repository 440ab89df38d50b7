/** Records that no view, or not every view, could use: the port of where they go. Its adapters are in `src/rejects` and `src/kafka`. */
import type { DayIndex } from '../core/day.ts'

export type RejectReason =
  'undecodable' | 'bad_timestamp' | 'future' | 'too_late' | 'missing_key' | 'bad_field'

export interface Reject {
  readonly partition: number
  readonly offset: number
  readonly generation: number
  readonly reason: RejectReason
  /** Which views could not use it; empty where the partition refused it. */
  readonly views: readonly string[]
  /** What was expected and what was found. */
  readonly message: string
  readonly timestamp: number
  readonly eventTime: number | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
  /** For `too_late`: the entities and the bucket that it would have reached. */
  readonly late?: {
    readonly day: DayIndex
    readonly entities: readonly { readonly view: string; readonly entity: string }[]
  }
}

export interface RejectSink extends AsyncDisposable {
  /** Durable when it resolves; repeating a position is harmless. @throws REJECTS_UNWRITABLE */
  write(rejects: readonly Reject[]): Promise<void>
}
