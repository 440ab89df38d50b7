/**
 * Avro values to events. The pipeline's schema is the reader's; with the writer's schema beside it avsc resolves what
 * changed between them: fields added with a default, removed, promoted, renamed by alias.
 *
 * Only what the pipeline reads is built: the reader's record is cut down to its fields, the rest of a datum is passed over.
 */
import avro from 'avsc'
import type { Type, types } from 'avsc'
import type { FieldPath, Pipeline } from '../core/definition.ts'
import type { FieldType, Value } from '../core/value.ts'
import type { Decoder } from '../engine/ports.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { avroType, decimalScale } from './avro-types.ts'
import { fitInteger } from './decimal-text.ts'
import type { ValueFormat } from './event-decoder.ts'
import { createEventDecoder } from './event-decoder.ts'
import { finite, instant } from './text-value.ts'
import { compilePath } from './value-path.ts'

export interface AvroOptions {
  /** Parsed JSON of the schema that the data was written with; by default the pipeline's. */
  readonly writerSchema?: unknown
}

/** @throws DEFINITION_INVALID where a schema is none, the two do not resolve, or a field is not in it. */
export function createAvroDecoder(pipeline: Pipeline, options: AvroOptions = {}): Decoder {
  const { format } = pipeline.source
  invariant(format.kind === 'avro', 'an Avro decoder is made for the format avro')
  const reader = recordType(format.schema, "the pipeline's schema")
  const writer =
    options.writerSchema === undefined
      ? reader
      : recordType(options.writerSchema, "the writer's schema")
  const needed = neededFields(pipeline)
  const projected = project(reader, format.schema as RecordSchema, needed)
  const resolver = attempt('the schemas of writer and reader do not resolve', () =>
    projected.createResolver(writer),
  )
  const decoder = new AvroFormat(reader, (bytes, at) => projected.decode(bytes, at, resolver))
  return createEventDecoder(pipeline, decoder)
}

type DecodeAt = (bytes: Buffer, at: number) => { readonly value: unknown; readonly offset: number }

class AvroFormat implements ValueFormat {
  readonly #reader: types.RecordType
  readonly #decodeAt: DecodeAt
  #root: object = {}

  constructor(reader: types.RecordType, decodeAt: DecodeAt) {
    this.#reader = reader
    this.#decodeAt = decodeAt
  }

  begin(): void {
    // Nothing to learn from a batch: values are decoded where they lie.
  }

  load(bytes: Buffer, start: number, end: number): string | undefined {
    try {
      const { value, offset } = this.#decodeAt(bytes, start)
      this.#root = value as object
      if (offset === end) return undefined
    } catch {
      // Told below, from the record's own bytes.
    }
    // The bytes after a record in its batch must not show in what is said about it.
    return this.#problem(bytes.subarray(start, end))
  }

  field(segments: readonly string[], type: FieldType): () => Value | undefined {
    const leaf = leafType(this.#reader, segments)
    const scale = decimalScale(leaf)
    if (scale !== undefined && type.kind === 'decimal' && scale !== type.scale) {
      throw invalid(
        `source.fields.${segments.join('.')}: declared with scale ${type.scale}, but the schema's decimal has scale ${scale}`,
      )
    }
    const path = compilePath(segments)
    return () => {
      const found = path(this.#root)
      return found === null || found === undefined ? found : readValue(type, found)
    }
  }

  id(segments: readonly string[]): () => string | null | undefined {
    leafType(this.#reader, segments)
    const path = compilePath(segments)
    return () => {
      const found = path(this.#root)
      if (found === null || found === '') return null
      if (typeof found === 'string') return found
      return isInteger(found) ? String(found) : undefined
    }
  }

  raw(segments: readonly string[]): () => Value | undefined {
    leafType(this.#reader, segments)
    const path = compilePath(segments)
    return () => {
      const found = path(this.#root)
      return typeof found === 'object' && found !== null ? undefined : (found as Value | undefined)
    }
  }

  isInstant(segments: readonly string[]): boolean {
    return avro.Type.isType(leafType(this.#reader, segments), 'logical:timestamp-')
  }

  #problem(bytes: Buffer): string {
    try {
      const { offset } = this.#decodeAt(bytes, 0)
      return offset === -1
        ? `not Avro of this schema: ${bytes.length} bytes end within the datum`
        : `not Avro of this schema: ${bytes.length - offset} bytes are left after the datum`
    } catch (error) {
      return `not Avro of this schema: ${(error as Error).message}`
    }
  }
}

/** Of a value that is not null; integers are exact already. */
function readValue(type: FieldType, value: unknown): Value | undefined {
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

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}

interface RecordSchema {
  readonly fields: readonly { readonly name: string }[]
}

function recordType(schema: unknown, what: string): types.RecordType {
  const type = attempt(`${what} is no Avro schema`, () => avroType(schema))
  if (type instanceof avro.types.RecordType) return type
  throw invalid(`source.format.avro: ${what} is ${type.typeName}; an event is a record`)
}

/** The first steps of all paths into the value. */
function neededFields({ source, event }: Pipeline): ReadonlySet<string> {
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
function project(
  reader: types.RecordType,
  schema: RecordSchema,
  needed: ReadonlySet<string>,
): types.RecordType {
  const fields = schema.fields
    .filter(({ name }) => needed.has(name))
    .map((field) => ({ ...field, type: reader.field(field.name).type }))
  return recordType({ ...schema, fields }, "the pipeline's schema")
}

/** @throws DEFINITION_INVALID where the path leads nowhere, or through a union of several types. */
function leafType(reader: types.RecordType, segments: readonly string[]): Type {
  let type: Type = reader
  for (const segment of segments) {
    const next = stepInto(type, segment)
    if (next === undefined) {
      throw invalid(
        `source: the path ${segments.join('.')} is not in the Avro schema: ${type.name ?? type.typeName} has no ${segment}`,
      )
    }
    type = withoutNull(next, segments)
  }
  return type
}

function stepInto(type: Type, segment: string): Type | undefined {
  if (type instanceof avro.types.MapType) return type.valuesType as Type
  if (!(type instanceof avro.types.RecordType)) return undefined
  return type.fields.find(({ name }) => name === segment)?.type
}

function withoutNull(type: Type, segments: readonly string[]): Type {
  const isUnion =
    type instanceof avro.types.UnwrappedUnionType || type instanceof avro.types.WrappedUnionType
  if (!isUnion) return type
  const branches = type.types.filter(({ typeName }) => typeName !== 'null')
  const [only] = branches
  if (branches.length === 1 && only !== undefined) return only
  throw invalid(
    `source: the path ${segments.join('.')} leads to a union of ${branches.map(({ typeName }) => typeName).join(', ')}; ` +
      'a field has one type, or null',
  )
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    throw invalid(`source.format.avro: ${what}: ${(cause as Error).message}`, cause)
  }
}

function invalid(message: string, cause?: unknown): TidemarkError {
  return new TidemarkError('DEFINITION_INVALID', `${message}.`, { cause })
}
