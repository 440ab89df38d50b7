/** The decoder of a pipeline's format. */
import type { Pipeline } from '../core/definition.ts'
import type { Decoder } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { createAvroDecoder } from './avro.ts'
import { createJsonDecoder } from './json.ts'

/** @throws DEFINITION_INVALID where the schema cannot be read, or lacks a field that the pipeline names. */
export function createDecoder(pipeline: Pipeline): Decoder {
  const { format } = pipeline.source
  switch (format.kind) {
    case 'json':
      return createJsonDecoder(pipeline)
    case 'avro':
      return createAvroDecoder(pipeline)
    case 'avro-registry':
      throw new TidemarkError(
        'DEFINITION_INVALID',
        `source.format: a schema registry (${format.registry}) comes with the Kafka source, which this version does not have. ` +
          'Give the path of a schema file: avro: schemas/event.avsc',
      )
  }
}
