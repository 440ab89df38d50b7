/**
 * Fields of an Avro schema, nested records by dotted names (`order.shop.id`). What no feature can use (bytes, arrays,
 * maps, unions of several types) is kept with its reason, so that whoever asks for it is told.
 */
import type { FieldDefinition } from '../core/definition.ts'
import type { FieldType } from '../core/value.ts'
import { DECIMAL_DIGITS_MAX } from './field-type.ts'

export interface AvroField extends FieldDefinition {
  /** What the schema says of integers that are instants. */
  readonly unit?: 'ms' | 'us'
}

export interface AvroFields {
  readonly fields: readonly AvroField[]
  /** Dotted name -> why the field cannot be used. */
  readonly unusable: ReadonlyMap<string, string>
}

type JsonObject = Readonly<Record<string, unknown>>

interface Scope {
  readonly named: Map<string, JsonObject>
  readonly fields: AvroField[]
  readonly unusable: Map<string, string>
}

/** The fields, or what is wrong with the schema. */
export function readAvroSchema(schema: unknown): AvroFields | string {
  if (!isObject(schema) || schema['type'] !== 'record' || !Array.isArray(schema['fields'])) {
    return 'expected an Avro schema of type record with fields'
  }
  const scope: Scope = { named: new Map(), fields: [], unusable: new Map() }
  collectNames(schema, '', scope.named)
  readRecord(schema, { segments: [], namespace: namespaceOf(schema, ''), open: [schema] }, scope)
  return { fields: scope.fields, unusable: scope.unusable }
}

interface Position {
  readonly segments: readonly string[]
  readonly namespace: string
  /** Records around it: a record inside itself has no end. */
  readonly open: readonly JsonObject[]
}

function readRecord(record: JsonObject, position: Position, scope: Scope): void {
  for (const field of record['fields'] as unknown[]) {
    if (!isObject(field) || typeof field['name'] !== 'string') continue
    const segments = [...position.segments, field['name']]
    readType(field['type'], { ...position, segments }, scope)
  }
}

function readType(type: unknown, position: Position, scope: Scope): void {
  const name = position.segments.join('.')
  if (Array.isArray(type)) {
    const others = type.filter(
      (each) => each !== 'null' && !(isObject(each) && each['type'] === 'null'),
    )
    if (others.length === 1) readType(others[0], position, scope)
    else scope.unusable.set(name, 'a union of several types')
    return
  }
  const named = typeof type === 'string' ? lookUp(type, position.namespace, scope.named) : undefined
  const resolved = named ?? type
  if (isObject(resolved) && resolved['type'] === 'record') {
    if (position.open.includes(resolved)) {
      scope.unusable.set(name, 'a record inside itself')
      return
    }
    scope.unusable.set(name, 'a record; name one of its fields')
    const namespace = namespaceOf(resolved, position.namespace)
    readRecord(resolved, { ...position, namespace, open: [...position.open, resolved] }, scope)
    return
  }
  // `{ "type": { "type": "long", ... } }` is the inner type.
  if (isObject(resolved) && (isObject(resolved['type']) || Array.isArray(resolved['type']))) {
    readType(resolved['type'], position, scope)
    return
  }
  addLeaf(resolved, position.segments, scope)
}

function addLeaf(leaf: unknown, segments: readonly string[], scope: Scope): void {
  const name = segments.join('.')
  const attributes = isObject(leaf) ? leaf : { type: leaf }
  const found = leafType(attributes)
  if (typeof found === 'string') {
    scope.unusable.set(name, found)
    return
  }
  const { type, unit } = found
  scope.fields.push({ name, type, path: { kind: 'value', segments }, ...(unit && { unit }) })
}

function leafType(leaf: JsonObject): { type: FieldType; unit?: 'ms' | 'us' } | string {
  const { type, logicalType } = leaf as { type?: unknown; logicalType?: unknown }
  switch (type) {
    case 'string':
    case 'enum':
      return { type: { kind: 'string' } }
    case 'boolean':
    case 'double':
      return { type: { kind: type } }
    case 'float':
      return { type: { kind: 'double' } }
    case 'int':
      return { type: { kind: logicalType === 'date' ? 'date' : 'int32' } }
    case 'long':
      if (logicalType === 'timestamp-millis') return { type: { kind: 'timestamp' }, unit: 'ms' }
      if (logicalType === 'timestamp-micros') return { type: { kind: 'timestamp' }, unit: 'us' }
      if (logicalType === 'timestamp-nanos') return { type: { kind: 'timestamp' } }
      return { type: { kind: 'int64' } }
    case 'bytes':
    case 'fixed':
      return logicalType === 'decimal' ? decimalType(leaf) : `${type}, which no feature can use`
    default:
      return `${typeof type === 'string' ? type : 'an unknown type'}, which no feature can use`
  }
}

function decimalType(leaf: JsonObject): { type: FieldType } | string {
  const precision = leaf['precision']
  const scale = leaf['scale'] ?? 0
  if (typeof precision !== 'number' || typeof scale !== 'number' || scale > precision) {
    return 'a decimal without a valid precision and scale'
  }
  if (precision > DECIMAL_DIGITS_MAX) {
    return `a decimal of ${precision} digits; at most ${DECIMAL_DIGITS_MAX} fit 64 bits`
  }
  return { type: { kind: 'decimal', precision, scale } }
}

/** Named types by their full name; a reference may stand anywhere after (or inside) its definition. */
function collectNames(type: unknown, namespace: string, named: Map<string, JsonObject>): void {
  if (Array.isArray(type)) {
    for (const each of type) collectNames(each, namespace, named)
    return
  }
  if (!isObject(type)) return
  const inner = namespaceOf(type, namespace)
  const { name } = type
  if (typeof name === 'string' && ['record', 'enum', 'fixed'].includes(String(type['type']))) {
    named.set(fullName(name, inner), type)
  }
  const fields: unknown = type['fields']
  if (Array.isArray(fields)) {
    for (const field of fields) if (isObject(field)) collectNames(field['type'], inner, named)
  }
  for (const key of ['type', 'items', 'values']) collectNames(type[key], inner, named)
}

function namespaceOf(type: JsonObject, around: string): string {
  const { name, namespace } = type as { name?: unknown; namespace?: unknown }
  if (typeof name === 'string' && name.includes('.')) return name.slice(0, name.lastIndexOf('.'))
  return typeof namespace === 'string' ? namespace : around
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function lookUp(
  name: string,
  namespace: string,
  named: ReadonlyMap<string, JsonObject>,
): JsonObject | undefined {
  return named.get(fullName(name, namespace)) ?? named.get(name)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
