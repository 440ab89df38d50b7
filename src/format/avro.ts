/**
 * Avro values to events. The pipeline's schema is the reader's; with the writer's schema beside it avsc resolves what
 * changed between them: fields added with a default, removed, promoted, renamed by alias.
 *
 * Only what the pipeline reads is built: the reader's record is cut down to its fields, the rest of a datum is passed over.
 */
import avro from 'avsc'
import type { Type, types } from 'avsc'
import type { Pipeline } from '../core/definition.ts'
import type { FieldType, Value } from '../core/value.ts'
import type { Decoder } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import {
  attempt,
  datumProblem,
  invalid,
  neededFields,
  nonNull,
  project,
  recordType,
  stepInto,
} from './avro-record.ts'
import type { DecodeAt, RecordSchema } from './avro-record.ts'
import { decimalScale } from './avro-logical.ts'
import { isInteger, readAvroValue } from './avro-value.ts'
import type { ValueFormat } from './event-decoder.ts'
import { createEventDecoder } from './event-decoder.ts'
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
    return datumProblem(bytes.subarray(start, end), this.#decodeAt, 'this schema')
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
      return found === null || found === undefined ? found : readAvroValue(type, found)
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

function withoutNull(type: Type, segments: readonly string[]): Type {
  const branches = nonNull(type)
  const [only] = branches
  if (branches.length === 1 && only !== undefined) return only
  throw invalid(
    `source: the path ${segments.join('.')} leads to a union of ${branches.map(({ typeName }) => typeName).join(', ')}; ` +
      'a field has one type, or null',
  )
}
