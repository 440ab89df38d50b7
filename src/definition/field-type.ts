/** Types of fields and their places in a record, as they are written: `decimal(18,2)`, `order.shop.id`, `$header.name`. */
import type { FieldPath } from '../core/definition.ts'
import type { FieldType } from '../core/value.ts'
import { nearest, suggestion } from './nearest.ts'

const SIMPLE_TYPES = [
  'string',
  'int32',
  'int64',
  'double',
  'boolean',
  'timestamp',
  'date',
] as const satisfies readonly FieldType['kind'][]

/** Words of other systems for our types. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  bigint: 'int64',
  bool: 'boolean',
  datetime: 'timestamp',
  decimal: 'decimal(18,2)',
  float: 'double',
  float64: 'double',
  int: 'int64',
  integer: 'int64',
  long: 'int64',
  number: 'int64` or `double',
  numeric: 'decimal(18,2)',
  str: 'string',
  text: 'string',
  uuid: 'string',
  varchar: 'string',
}

export const DECIMAL_DIGITS_MAX = 18

/** What is wrong with a text: completes "expected ...", and what may help, from a semicolon on. */
export interface Refused {
  readonly expected: string
  readonly hint: string
}

export function isRefused(result: FieldType | FieldPath | Refused): result is Refused {
  return 'expected' in result
}

export function parseFieldType(text: string): FieldType | Refused {
  const simple = SIMPLE_TYPES.find((kind) => kind === text)
  if (simple !== undefined) return { kind: simple }
  const [, precisionText, scaleText] = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text) ?? []
  if (precisionText === undefined) return { expected: 'a type', hint: typeHint(text) }
  const [precision, scale] = [Number(precisionText), Number(scaleText)]
  if (precision < 1 || precision > DECIMAL_DIGITS_MAX) {
    const expected = `a decimal of 1 to ${DECIMAL_DIGITS_MAX} digits (a value has to fit 64 bits)`
    return { expected, hint: '' }
  }
  if (scale > precision) {
    return { expected: `a scale of at most ${precision}, the digits there are`, hint: '' }
  }
  return { kind: 'decimal', precision, scale }
}

function typeHint(text: string): string {
  // YAML ends a value at a comma inside { }.
  if (/^decimal\(\d+$/.test(text)) return '; inside { } write it in quotes: "decimal(18,2)"'
  const other = OTHER_NAMES[text.toLowerCase()]
  return other === undefined
    ? suggestion(text, [...SIMPLE_TYPES, 'decimal(p,s)'])
    : `; did you mean \`${other}\`?`
}

export function parseFieldPath(text: string): FieldPath | Refused {
  if (text === '$key') return { kind: 'key' }
  if (text === '$timestamp') return { kind: 'timestamp' }
  if (text.startsWith('$header.') && text.length > '$header.'.length) {
    return { kind: 'header', name: text.slice('$header.'.length) }
  }
  if (text.startsWith('$')) {
    const expected = 'a path, `$key`, `$timestamp` or `$header.<name>`'
    const near = nearest(text, ['$key', '$timestamp', '$header.'])
    return { expected, hint: near === undefined ? '' : `; did you mean \`${near}\`?` }
  }
  const segments = text.split('.')
  if (segments.some((segment) => segment === '')) {
    return { expected: 'names with single dots between them', hint: '' }
  }
  return { kind: 'value', segments }
}

/** As in the pipeline file. */
export function formatFieldPath(path: FieldPath): string {
  switch (path.kind) {
    case 'value':
      return path.segments.join('.')
    case 'header':
      return `$header.${path.name}`
    default:
      return `$${path.kind}`
  }
}
