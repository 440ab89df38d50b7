/** Records of Avro, whatever their schema comes from: which of their fields are read, and what is wrong with a datum. */
import avro from 'avsc'
import type { Type, types } from 'avsc'
import type { FieldPath, Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import { avroType } from './avro-types.ts'

export type DecodeAt = (
  bytes: Buffer,
  at: number,
) => { readonly value: unknown; readonly offset: number }

export interface RecordSchema {
  readonly fields: readonly { readonly name: string }[]
}

export function recordType(schema: unknown, what: string): types.RecordType {
  const type = attempt(`${what} is no Avro schema`, () => avroType(schema))
  if (type instanceof avro.types.RecordType) return type
  throw invalid(`source.format.avro: ${what} is ${type.typeName}; an event is a record`)
}

/** The first steps of all paths into the value. */
export function neededFields({ source, event }: Pipeline): ReadonlySet<string> {
  const paths: (FieldPath | undefined)[] = [
    ...source.fields.map(({ path }) => path),
    event.id,
    event.time.field,
  ]
  const segments = paths.flatMap((path) => (path?.kind === 'value' ? [path.segments] : []))
  if (source.log.kind === 'files' && source.log.timestamp) segments.push(source.log.timestamp)
  return new Set(segments.flatMap(([first]) => first ?? []))
}

/** The reader's record with the needed fields only; their types are shared. */
export function project(
  reader: types.RecordType,
  schema: RecordSchema,
  needed: ReadonlySet<string>,
): types.RecordType {
  const fields = schema.fields
    .filter(({ name }) => needed.has(name))
    .map((field) => ({ ...field, type: reader.field(field.name).type }))
  return recordType({ ...schema, fields }, "the pipeline's schema")
}

export function stepInto(type: Type, segment: string): Type | undefined {
  if (type instanceof avro.types.MapType) return type.valuesType as Type
  if (!(type instanceof avro.types.RecordType)) return undefined
  return type.fields.find(({ name }) => name === segment)?.type
}

/** The branches of a union but null; of another type itself. */
export function nonNull(type: Type): readonly Type[] {
  const isUnion =
    type instanceof avro.types.UnwrappedUnionType || type instanceof avro.types.WrappedUnionType
  return isUnion ? type.types.filter(({ typeName }) => typeName !== 'null') : [type]
}

/** Why `bytes` are not one datum; they are those of the record alone. */
export function datumProblem(bytes: Buffer, decodeAt: DecodeAt, schema: string): string {
  try {
    const { offset } = decodeAt(bytes, 0)
    return offset === -1
      ? `not Avro of ${schema}: ${bytes.length} bytes end within the datum`
      : `not Avro of ${schema}: ${bytes.length - offset} bytes are left after the datum`
  } catch (error) {
    return `not Avro of ${schema}: ${(error as Error).message}`
  }
}

export function attempt<T>(what: string, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    throw invalid(`source.format.avro: ${what}: ${(cause as Error).message}`, cause)
  }
}

export function invalid(message: string, cause?: unknown): TidemarkError {
  return new TidemarkError('DEFINITION_INVALID', `${message}.`, { cause })
}
