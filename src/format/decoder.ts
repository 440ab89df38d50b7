/** The decoder of a pipeline's format. */
import type { Pipeline } from '../core/definition.ts'
import type { Decoder } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { createAvroDecoder } from './avro.ts'
import { createRegistryDecoder } from './avro-registry.ts'
import type { RegistryParts } from './avro-registry.ts'
import { createJsonDecoder } from './json.ts'

/**
 * `registry`: where the schemas of `avro: { registry }` come from; other formats need none.
 * @throws DEFINITION_INVALID where the schema cannot be read, or lacks a field that the pipeline names.
 */
export function createDecoder(pipeline: Pipeline, registry?: RegistryParts): Decoder {
  switch (pipeline.source.format.kind) {
    case 'json':
      return createJsonDecoder(pipeline)
    case 'avro':
      return createAvroDecoder(pipeline)
    case 'avro-registry':
      invariant(registry !== undefined, 'the schemas of a registry come from somewhere')
      return createRegistryDecoder(pipeline, registry)
  }
}
