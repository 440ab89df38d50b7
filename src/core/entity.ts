/**
 * Entities as text: the one form in state keys, online keys, file names of the late ledger and messages.
 *
 * Values of the entity's fields joined by `|`, with `%`, `|` and `:` in them as %25, %7C and %3A, so that the text splits
 * again and can follow `name:v1:`. One text per entity and one entity per text. Keys are UTF-8, which has no half of a
 * surrogate pair: such a half is U+FFFD here, as it is wherever text is encoded, and does not tell two entities apart.
 */
import { invariant } from '../errors.ts'
import { formatValue, parseValue } from './text.ts'
import type { PresentValue } from './text.ts'
import { typeName } from './value.ts'
import type { FieldType, Value } from './value.ts'

export interface EntityCodec {
  /** One value per field, in the entity's order; none may be null. */
  encode(values: readonly Value[]): string
  /** Of a text that `encode` made. */
  decode(text: string): PresentValue[]
}

/** Fields of an entity have any type but double, whose equality is no identity. */
export function compileEntity(types: readonly FieldType[]): EntityCodec {
  const only = types[0]
  invariant(only, 'an entity has at least one field')
  for (const { kind } of types) invariant(kind !== 'double', 'a double is no field of an entity')

  function encode(values: readonly Value[]): string {
    let text = encodeValue(values[0], only!)
    for (let i = 1; i < types.length; i++) text += `|${encodeValue(values[i], types[i]!)}`
    return text
  }

  function decode(text: string): PresentValue[] {
    const parts = text.split('|')
    invariant(parts.length === types.length, `${text} is an entity of ${types.length} fields`)
    return parts.map((part, i) => decodeValue(part, types[i]!))
  }

  return { encode, decode }
}

const RESERVED = /[%|:]/
/** Nearly no text has any of these, and every record asks. */
const UNUSUAL = /[%|:\ud800-\udfff]/
const SURROGATE = /[\ud800-\udfff]/
const ESCAPED = /%25|%7C|%3A/g
const ESCAPES: Readonly<Record<string, string>> = { '%': '%25', '|': '%7C', ':': '%3A' }
const UNESCAPES: Readonly<Record<string, string>> = { '%25': '%', '%7C': '|', '%3A': ':' }

function encodeValue(value: Value | undefined, type: FieldType): string {
  invariant(value !== null && value !== undefined, 'every field of an entity has a value')
  const text = formatValue(value, type)
  if (!UNUSUAL.test(text)) return text
  const whole = SURROGATE.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text
  return RESERVED.test(whole) ? whole.replace(/[%|:]/g, (found) => ESCAPES[found]!) : whole
}

function decodeValue(part: string, type: FieldType): PresentValue {
  const isPlain = !part.includes('%')
  const text = isPlain ? part : part.replace(ESCAPED, (found) => UNESCAPES[found]!)
  const value = parseValue(text, type)
  invariant(value !== undefined, `${JSON.stringify(part)} in an entity is a ${typeName(type)}`)
  return value
}
