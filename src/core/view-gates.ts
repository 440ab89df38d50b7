/**
 * Limits for the rows of each day of a view. Shares are fractions: 0.05 is 5 %. What is beyond them keeps a backfill from being
 * published, and raises an alert where it is live.
 */
import type { ColumnType, Value } from './value.ts'

export interface ViewGates {
  /** `change` limits compare with the mean of so many days before. */
  readonly previousDays: number
  readonly rows: { readonly min?: number; readonly max?: number; readonly change?: number }
  /** By column. */
  readonly columns: Readonly<Record<string, ColumnGates>>
}

export interface ColumnGates {
  /** Of the column. */
  readonly type: ColumnType
  /** Largest share of rows that have null. */
  readonly nullsMax?: number
  /** No value lies below it, or above `max`; of the column's type. */
  readonly min?: Exclude<Value, null>
  readonly max?: Exclude<Value, null>
  /** How far the mean may be from that of the days before, as a share of theirs. */
  readonly change?: number
}
