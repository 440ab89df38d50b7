/**
 * Avro values in the wire format of a schema registry to events: each value names the schema that it was written with, and
 * is read by that one. The pipeline declares its fields; there is no reader's schema, so a field that a writer lacks is null
 * (defaults and aliases are a reader's, and are not looked at).
 */
import type { Pipeline } from '../core/definition.ts'
import type { FieldType, Value } from '../core/value.ts'
import type { Clock, Decoder, SchemaSource } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { compileLeaf, leafKind } from './avro-leaf.ts'
import type { LeafKind } from './avro-leaf.ts'
import { datumProblem } from './avro-record.ts'
import { isInteger } from './avro-value.ts'
import type { Found, Need, RootReader, Writer } from './avro-writer.ts'
import type { ValueFormat } from './event-decoder.ts'
import { createEventDecoder } from './event-decoder.ts'
import { PREFIX_BYTES, schemaIdAt } from './wire-format.ts'
import { WriterSchemas } from './writer-schemas.ts'

export interface RegistryParts {
  readonly schemas: SchemaSource
  readonly clock: Clock
}

export function createRegistryDecoder(pipeline: Pipeline, parts: RegistryParts): Decoder {
  const { format } = pipeline.source
  invariant(format.kind === 'avro-registry', 'a registry decoder is made for avro: { registry }')
  const needs: Need[] = []
  const writers = new WriterSchemas({ ...parts, subject: format.subject, needs })
  const decoder = createEventDecoder(pipeline, new RegistryFormat(writers, needs))
  return { decode: (batch) => decoder.decode(batch), prepare: (batch) => writers.prepare(batch) }
}

class RegistryFormat implements ValueFormat {
  readonly #writers: WriterSchemas
  readonly #needs: Need[]
  /** Of the value that is loaded. */
  #writer: Writer = { id: -1, decodeAt: () => ({ value: {}, offset: 0 }), readers: [] }
  #root: object = {}

  constructor(writers: WriterSchemas, needs: Need[]) {
    this.#writers = writers
    this.#needs = needs
  }

  begin(): void {
    // Nothing to learn from a batch: its schemas are known by now.
  }

  load(bytes: Buffer, start: number, end: number): string | undefined {
    const id = schemaIdAt(bytes, start, end)
    if (id === undefined) return noPrefix(bytes.subarray(start, end))
    if (id !== this.#writer.id) {
      const found = this.#writers.get(id)
      if (found === undefined) return `the schema registry does not know schema ${id}`
      if (typeof found === 'string') return found
      this.#writer = found
    }
    const { decodeAt } = this.#writer
    try {
      const { value, offset } = decodeAt(bytes, start + PREFIX_BYTES)
      this.#root = value as object
      if (offset === end) return undefined
    } catch {
      // Told below, from the record's own bytes.
    }
    return datumProblem(bytes.subarray(start + PREFIX_BYTES, end), decodeAt, `schema ${id}`)
  }

  field(segments: readonly string[], type: FieldType): () => Value | undefined {
    return this.#need(segments, (found, read) => {
      if (found === null) return () => null
      const readLeaf = found === undefined ? () => undefined : compileLeaf(found, type)
      return (root) => {
        const value = read(root)
        return value === null || value === undefined ? value : readLeaf(value)
      }
    })
  }

  id(segments: readonly string[]): () => string | null | undefined {
    return this.#need(segments, (found, read) => {
      const isId = found === null || isOf(found, ['text', 'enum', 'integer', 'date'])
      return (root) => {
        const value = read(root)
        if (value === null || value === '') return null
        if (!isId) return undefined
        const isScalar = typeof value === 'string' || isInteger(value)
        return isScalar ? String(value) : undefined
      }
    })
  }

  raw(segments: readonly string[]): () => Value | undefined {
    return this.#need(segments, (found, read) => {
      const isPlain = found === null || isOf(found, ['text', 'enum', 'integer', 'real', 'instant'])
      return (root) => {
        const value = read(root)
        return value === null || isPlain ? (value as Value | undefined) : undefined
      }
    })
  }

  isInstant(segments: readonly string[]): () => boolean {
    return this.#need(segments, (found) => {
      const isInstant = isOf(found, ['instant'])
      return () => isInstant
    })
  }

  /** Compiled for each writer; answers for the value that is loaded. */
  #need<T>(
    segments: readonly string[],
    compile: (found: Found, read: RootReader) => (root: object) => T,
  ): () => T {
    const index = this.#needs.push({ segments, compile }) - 1
    return () => this.#writer.readers[index]!(this.#root) as T
  }
}

function isOf(found: Found, kinds: readonly LeafKind[]): boolean {
  return found !== null && found !== undefined && kinds.includes(leafKind(found))
}

function noPrefix(bytes: Buffer): string {
  const expected = `expected a zero byte and the id of a schema (${PREFIX_BYTES} bytes) before the Avro value`
  const found = bytes.length === 0 ? 'nothing' : `0x${bytes.toString('hex', 0, PREFIX_BYTES)}`
  return `${expected}, found ${found}`
}
