/**
 * One writer's schema, compiled: its own avsc type, and for each path that the pipeline reads how to get there in it. A path
 * that the schema lacks reads as null, one that leads through a union of several types as a wrong type wherever it is not null.
 */
import avro from 'avsc'
import type { Type, types } from 'avsc'
import type { RegisteredSchema } from '../engine/ports.ts'
import { nonNull, stepInto } from './avro-record.ts'
import type { DecodeAt } from './avro-record.ts'
import { avroType } from './avro-types.ts'
import { compilePath } from './value-path.ts'

/** What a path is in a schema: null where the schema lacks it, undefined where nothing can be read there. */
export type Found = Type | null | undefined

export type RootReader = (root: object) => unknown

/** A path that the pipeline reads, and how, once it is known what a schema has there. */
export interface Need {
  readonly segments: readonly string[]
  /** `read` gives the value at the path: null, or one of the type found. */
  compile(found: Found, read: RootReader): RootReader
}

export interface Writer {
  readonly id: number
  readonly decodeAt: DecodeAt
  /** By need. */
  readonly readers: readonly RootReader[]
}

/** @throws what is wrong with a schema that cannot be read with */
export function compileWriter(schema: RegisteredSchema, needs: readonly Need[]): Writer {
  const { id, kind, text, references } = schema
  if (kind !== 'AVRO') throw new Error(`it is of the kind ${kind}, not Avro`)
  const writer = recordOf(parsed(text), references.map(parsed))
  const projected = project(writer, new Set(needs.flatMap(({ segments }) => segments[0] ?? [])))
  const resolver = projected.createResolver(writer)
  return {
    id,
    decodeAt: (bytes, at) => projected.decode(bytes, at, resolver),
    readers: needs.map((need) => compileNeed(need, writer)),
  }
}

/** Without the defaults of fields: the writer wrote them all, and old encoders let wrong ones pass. */
function parsed(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => {
    if (typeof value !== 'object' || value === null || key === 'default') return value
    if (!('default' in value) || !('name' in value) || !('type' in value)) return value
    const { default: _, ...field } = value
    return field
  })
}

/** The rest of a datum is passed over. */
function project(writer: types.RecordType, needed: ReadonlySet<string>): types.RecordType {
  const fields = writer.fields
    .filter(({ name }) => needed.has(name))
    .map(({ name, type }) => ({ name, type }))
  return recordOf({ type: 'record', name: writer.name, fields })
}

function recordOf(schema: unknown, references: readonly unknown[] = []): types.RecordType {
  const type = avroType(schema, references)
  if (type instanceof avro.types.RecordType) return type
  throw new Error(`it is ${type.typeName}; an event is a record`)
}

function compileNeed(need: Need, writer: types.RecordType): RootReader {
  const { segments } = need
  let type: Type = writer
  for (const [depth, segment] of segments.entries()) {
    const next = stepInto(type, segment)
    // A record without the field; any other type has no fields at all.
    if (next === undefined) {
      return type.typeName === 'record'
        ? need.compile(null, () => null)
        : need.compile(undefined, compilePath(segments.slice(0, depth)))
    }
    const [only, ...others] = nonNull(next)
    if (only === undefined) return need.compile(null, () => null)
    if (others.length > 0) {
      return need.compile(undefined, compilePath(segments.slice(0, depth + 1)))
    }
    type = only
  }
  return need.compile(type, compilePath(segments))
}
