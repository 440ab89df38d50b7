/** What Avro decoded to values of fields: wrong types are undefined, nothing is rounded. */
import type { FieldType, Value } from '../core/value.ts'
import { fitInteger } from './decimal-text.ts'
import { finite, instant } from './text-value.ts'

/** Of a value that is not null; integers are exact already. */
export function readAvroValue(type: FieldType, value: unknown): Value | undefined {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string' ? value : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'double':
      return typeof value === 'number' ? finite(value) : undefined
    case 'int32':
    case 'int64':
    case 'decimal':
      return isInteger(value) ? fitInteger(type, value) : undefined
    case 'timestamp':
      return isInteger(value) ? instant(value) : undefined
    case 'date':
      return isInteger(value) ? fitInteger({ kind: 'int32' }, value) : undefined
  }
}

export function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}
