/**
 * JSON values to events. The common record is parsed by `JSON.parse` and read by path; a record is parsed a second time,
 * with its numbers as text, only where a field needs digits that a double may have lost. The prefix that serializers of a
 * schema registry put before the text is passed over.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import type { Pipeline } from '../core/definition.ts'
import type { RecordBatch } from '../core/event.ts'
import type { FieldType, Value } from '../core/value.ts'
import type { Decoder } from '../engine/ports.ts'
import { latin1Text, utf8Text } from './buffer-text.ts'
import { scaleDecimal } from './decimal-text.ts'
import type { ValueFormat } from './event-decoder.ts'
import { createEventDecoder } from './event-decoder.ts'
import { hasLongNumber, hasTinyNumber, LosslessNumber, parseExact } from './json-text.ts'
import { compileFastReader, INEXACT, readExactly } from './json-value.ts'
import { compilePath } from './value-path.ts'
import { afterPrefix } from './wire-format.ts'

const REPLACEMENT = '\ufffd'
const LONE_SURROGATE = /\p{Surrogate}/u

export function createJsonDecoder(pipeline: Pipeline): Decoder {
  return createEventDecoder(pipeline, new JsonFormat())
}

class JsonFormat implements ValueFormat {
  #isAscii = false
  #hasEscapes = false
  #text = ''
  #root: object = {}
  /** Whether numbers in the root are texts. */
  #isExact = false

  begin({ bytes, valueStarts, valueEnds }: RecordBatch): void {
    // Tombstones, also at either end of the batch, have no bytes.
    const first = valueStarts.findIndex((start) => start >= 0)
    const last = valueStarts.findLastIndex((start) => start >= 0)
    const values = bytes.subarray(valueStarts[first] ?? 0, valueEnds[last] ?? 0)
    this.#isAscii = isAscii(values)
    this.#hasEscapes = values.includes('\\u')
  }

  load(bytes: Buffer, valueStart: number, end: number): string | undefined {
    const start = afterPrefix(bytes, valueStart, end)
    const text = this.#isAscii ? latin1Text(bytes, start, end) : utf8Text(bytes, start, end)
    // Bytes that are no UTF-8 become the replacement character, which a text may also hold by itself.
    if (!this.#isAscii && text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) {
      return 'the value is not valid UTF-8'
    }
    try {
      const root: unknown = JSON.parse(text)
      if (typeof root !== 'object' || root === null || Array.isArray(root)) {
        return `expected a JSON object, found ${kindOf(root)}`
      }
      this.#root = root
      this.#text = text
      this.#isExact = false
    } catch (error) {
      return `not JSON: ${(error as Error).message}`
    }
    return hasLongNumber(bytes, start, end) ? this.#makeExact() : undefined
  }

  field(segments: readonly string[], type: FieldType): () => Value | undefined {
    const path = compilePath(segments)
    const readFast = compileFastReader(type)
    const isText = type.kind === 'string'
    return () => {
      const found = path(this.#root)
      if (found === null || found === undefined) return found
      if (this.#isExact) return this.#checked(readExactly(type, found), isText)
      const value = readFast(found)
      if (value !== INEXACT) return this.#checked(value, isText)
      if (found === 0 && !hasTinyNumber(this.#text)) return 0
      return this.#makeExact() === undefined ? readExactly(type, path(this.#root)) : undefined
    }
  }

  id(segments: readonly string[]): () => string | null | undefined {
    const path = compilePath(segments)
    return () => {
      let found = path(this.#root)
      // A missing text is an empty one in many encoders; as an id it would make all such records duplicates.
      if (found === null || found === '') return null
      if (typeof found === 'string') return this.#checked(found, true) as string | undefined
      if (typeof found === 'number') {
        if (Number.isSafeInteger(found) && found !== 0) return String(found)
        if (this.#makeExact() !== undefined) return undefined
        found = path(this.#root)
      }
      return found instanceof LosslessNumber ? integerText(found.value) : undefined
    }
  }

  raw(segments: readonly string[]): () => Value | undefined {
    const path = compilePath(segments)
    return () => {
      const found = path(this.#root)
      if (typeof found === 'number' || typeof found === 'string' || found === null) return found
      if (found instanceof LosslessNumber) return scaleDecimal(found.value, 0) ?? found.value
      return typeof found === 'boolean' ? found : undefined
    }
  }

  isInstant(): boolean {
    return false
  }

  /** Returns why the record could not be parsed again. */
  #makeExact(): string | undefined {
    try {
      this.#root = parseExact(this.#text) as object
      this.#isExact = true
      return undefined
    } catch (error) {
      return `nested too deeply to read its numbers exactly: ${(error as Error).message}`
    }
  }

  /** A lone surrogate has no UTF-8: as part of a key it would be mistaken for others. Only escapes can make one. */
  #checked(value: Value | undefined, isText: boolean): Value | undefined {
    if (!isText || !this.#hasEscapes || typeof value !== 'string') return value
    return LONE_SURROGATE.test(value) ? undefined : value
  }
}

function integerText(number: string): string | undefined {
  const integer = scaleDecimal(number, 0)
  return integer === undefined ? undefined : String(integer)
}

function kindOf(root: unknown): string {
  if (root === null) return 'null'
  return Array.isArray(root) ? 'an array' : `a ${typeof root}`
}
