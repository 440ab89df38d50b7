/**
 * Values as the engine holds them between the decoder and the sinks.
 *
 * Integers are exact: a `number` while it is a safe integer, a `bigint` beyond. A decimal is its unscaled integer
 * (12.34 as decimal(18,2) is 1234) under the same rule. Doubles are finite and never -0: NaN and infinities in a field
 * that a view uses make the record a `bad_field` of that view.
 */

/** `null` is absent. What a value means comes from its field's type. */
export type Value = number | bigint | string | boolean | null

export type FieldType =
  | { readonly kind: 'string' }
  | { readonly kind: 'int32' }
  | { readonly kind: 'int64' }
  | { readonly kind: 'double' }
  | { readonly kind: 'boolean' }
  /** At most 18 digits, so that a value fits 64 bits. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  /** An instant; the value is integer milliseconds since the Unix epoch. */
  | { readonly kind: 'timestamp' }
  /** A civil date; the value is days since 1970-01-01. */
  | { readonly kind: 'date' }

/** A column of a sink: the types of fields, and what only sinks have. Sums of decimals have up to 38 digits. */
export type ColumnType = FieldType | { readonly kind: 'binary' }

/** The type as it is written in a pipeline file: `int64`, `decimal(18,2)`. */
export function typeName(type: ColumnType): string {
  return type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind
}
