/** How a writer's schema fits the fields that a pipeline declares: what every record of it would lack or have wrong. */
import type { FieldDefinition } from '../core/definition.ts'
import { typeName } from '../core/value.ts'
import type { RegisteredSchema } from '../engine/ports.ts'
import { compileLeaf, wrongType } from './avro-leaf.ts'
import { compileWriter } from './avro-writer.ts'
import type { Found } from './avro-writer.ts'

export interface WriterFit {
  /** Fields that the schema lacks: null in its records. */
  readonly missing: readonly string[]
  /** In words: fields that are something else there. */
  readonly wrong: readonly string[]
}

/** A text: why records of the schema cannot be read at all. */
export function fitWriter(
  schema: RegisteredSchema,
  fields: readonly FieldDefinition[],
): WriterFit | string {
  const missing: string[] = []
  const wrong: string[] = []
  const judge = ({ name, type }: FieldDefinition, found: Found): void => {
    if (found === null) missing.push(name)
    else if (found === undefined) wrong.push(`${name} lies in a union or in no record there`)
    else if (compileLeaf(found, type) === wrongType) {
      wrong.push(`${name} is ${found.typeName} there, declared is ${typeName(type)}`)
    }
  }
  const needs = fields.flatMap((field) => {
    if (field.path.kind !== 'value') return []
    const compile = (found: Found): (() => null) => {
      judge(field, found)
      return () => null
    }
    return [{ segments: field.path.segments, compile }]
  })
  try {
    compileWriter(schema, needs)
  } catch (cause) {
    return (cause as Error).message
  }
  return { missing, wrong }
}
