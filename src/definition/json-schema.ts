/** The pipeline file's schema as JSON Schema, for editors that complete and check while one types. */
import * as z from 'zod'
import { pipelineSchema } from './schema.ts'

export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
  readonly anyOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly definitions?: Readonly<Record<string, JsonSchema>>
  readonly $ref?: string
}

/** Draft 7: what the YAML plugins of editors understand best. */
export function pipelineJsonSchema(): JsonSchema {
  return z.toJSONSchema(pipelineSchema, {
    target: 'draft-7',
    // What a user writes, before defaults and conversions.
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'bigint') jsonSchema.type = 'integer'
    },
  }) as JsonSchema
}
