/**
 * Values that come as text: the key and the headers of a record, and what JSON carries as strings. Undefined is "this
 * text is no value of the type".
 */
import { parseInstant } from '../core/instant.ts'
import { parseValue } from '../core/text.ts'
import type { FieldType, Value } from '../core/value.ts'
import { DECIMAL_TEXT, fitInteger, INTEGER_TEXT, scaleDecimal } from './decimal-text.ts'

const INSTANT_MAX_MS = 8.64e15

export function readText(type: FieldType, text: string): Value | undefined {
  switch (type.kind) {
    case 'int32':
    case 'int64':
      return INTEGER_TEXT.test(text) ? fitInteger(type, scaleDecimal(text, 0)) : undefined
    case 'decimal':
      return DECIMAL_TEXT.test(text) ? fitInteger(type, scaleDecimal(text, type.scale)) : undefined
    case 'timestamp':
      return INTEGER_TEXT.test(text) ? instant(scaleDecimal(text, 0)) : instantOf(text)
    case 'string':
    case 'double':
    case 'boolean':
    case 'date':
      return parseValue(text, type)
  }
}

/** ISO-8601 with an offset or Z. */
export function instantOf(text: string): number | undefined {
  const time = parseInstant(text)
  return typeof time === 'number' ? time : undefined
}

/** Integer ms that a calendar can show. */
export function instant(value: number | bigint | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= INSTANT_MAX_MS
    ? value + 0
    : undefined
}

/** Without infinities and -0. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value + 0 : undefined
}
