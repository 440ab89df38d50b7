/**
 * What avsc decoded, as JSON of the same values: integers and decimals by their digits, instants as ms, dates as YYYY-MM-DD. What JSON
 * cannot hold (NaN, bytes, unions of several types) becomes an object, which is of the wrong type for any field.
 */
import avro from 'avsc'
import type { Type, types } from 'avsc'
import { formatDay } from '../core/day.ts'
import { decimalScale } from './avro-logical.ts'
import { leafKind } from './avro-leaf.ts'
import { nonNull } from './avro-record.ts'

type Writer = (value: unknown) => string

/** Of a record: the fields that are kept, and constants where the schema has no such field. */
export function compileAvroJson(
  type: types.RecordType,
  {
    keeps,
    constants,
  }: {
    readonly keeps: (name: string) => boolean
    readonly constants: ReadonlyMap<string, string>
  },
): (row: Readonly<Record<string, unknown>>) => string {
  const fields = type.fields
    .filter(({ name }) => keeps(name))
    .map(({ name, type: field }) => ({ name, write: writerOf(field) }))
  const fixed = [...constants]
    .filter(([name]) => keeps(name) && !type.fields.some((field) => field.name === name))
    .map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)}`)
  return (row) => {
    const own = fields.map(({ name, write }) => `${JSON.stringify(name)}:${write(row[name])}`)
    return `{${[...own, ...fixed].join(',')}}`
  }
}

function writerOf(type: Type): Writer {
  const branches = nonNull(type)
  const [only] = branches
  if (branches.length !== 1 || only === undefined) return nullOr(() => '{"union":true}')
  return nullOr(ofOne(only))
}

function nullOr(write: Writer): Writer {
  return (value) => (value === null || value === undefined ? 'null' : write(value))
}

function ofOne(type: Type): Writer {
  switch (leafKind(type)) {
    case 'text':
    case 'enum':
      return (value) => JSON.stringify(value)
    case 'integer':
    case 'boolean':
    case 'instant':
      return (value) => String(value)
    case 'real':
      return (value) => (Number.isFinite(value) ? String(value) : '{"double":true}')
    case 'decimal':
      return decimalWriter(decimalScale(type) ?? 0)
    case 'date':
      return (value) => JSON.stringify(formatDay(value as number))
    case 'other':
      return ofMany(type)
  }
}

function decimalWriter(scale: number): Writer {
  return (unscaled) => {
    const digits = String(unscaled)
    if (scale === 0) return digits
    const isNegative = digits.startsWith('-')
    const plain = (isNegative ? digits.slice(1) : digits).padStart(scale + 1, '0')
    const at = plain.length - scale
    return `${isNegative ? '-' : ''}${plain.slice(0, at)}.${plain.slice(at)}`
  }
}

function ofMany(type: Type): Writer {
  if (type instanceof avro.types.RecordType) {
    const write = compileAvroJson(type, { keeps: () => true, constants: new Map() })
    return (value) => write(value as Record<string, unknown>)
  }
  if (type instanceof avro.types.MapType) {
    const write = writerOf(type.valuesType as Type)
    return (value) =>
      `{${Object.entries(value as object)
        .map(([name, each]) => `${JSON.stringify(name)}:${write(each)}`)
        .join(',')}}`
  }
  if (type instanceof avro.types.ArrayType) {
    const write = writerOf(type.itemsType)
    return (value) => `[${(value as unknown[]).map((each) => write(each)).join(',')}]`
  }
  return () => '{"other":true}'
}
