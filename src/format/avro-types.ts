/**
 * Avro's types as Tidemark reads them, by the hooks that avsc offers for it:
 *
 * - longs are exact: a number while it is a safe integer, a bigint beyond (avsc itself refuses those);
 * - text has to be UTF-8;
 * - logical types are what `avro-logical.ts` says; uuid and enum are what they are underneath;
 * - a count of items that the bytes cannot hold is refused at once, where avsc would loop over it.
 */
import { isUtf8 } from 'node:buffer'
import avro from 'avsc'
import type { Type } from 'avsc'
import { narrow } from '../core/exact.ts'
import { LOGICAL_TYPES, isLogical } from './avro-logical.ts'
import type { Tap } from './avro-logical.ts'
import { utf8Text } from './buffer-text.ts'

interface Readable {
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
}

/** Items that take no bytes (nulls) may be many, but not so many. */
const EMPTY_ITEMS_MAX = 1_000_000
/** Zigzag doubles a value: up to here a double held every step of it exactly. */
const SURE_LONG_MAX = 2 ** 51

/**
 * `references` are schemas whose types this one names, each after those that it names itself.
 * @throws what avsc says about a schema that is none.
 */
export function avroType(schema: unknown, references: readonly unknown[] = []): Type {
  const options = {
    typeHook: exactType,
    logicalTypes: LOGICAL_TYPES as never,
    registry: {},
    assertLogicalTypes: false,
    omitRecordMethods: true,
  }
  for (const each of references) avro.Type.forSchema(each as never, options)
  return avro.Type.forSchema(schema as never, options)
}

function exactType(schema: unknown, options: unknown): Type | undefined {
  if (Array.isArray(schema)) return undefined
  if (isLogical(schema)) return undefined
  switch (typeof schema === 'string' ? schema : (schema as { readonly type: unknown }).type) {
    case 'long':
      return new ExactLong()
    case 'string':
      return new CheckedString()
    case 'array':
      return new BoundedArray(schema as never, options)
    case 'map':
      return new BoundedMap(schema as never, options)
    default:
      return undefined
  }
}

class ExactLong extends avro.types.LongType {
  _read(tap: Tap): number | bigint {
    const start = tap.pos
    const value = tap.readLong()
    if (value < SURE_LONG_MAX && value > -SURE_LONG_MAX) return value
    return readBigLong(tap.buf, start)
  }
}

function readBigLong(bytes: Buffer, start: number): number | bigint {
  let zigzag = 0n
  for (let at = start, shift = 0n; ; at++, shift += 7n) {
    const byte = bytes[at] ?? 0
    zigzag |= BigInt(byte & 0x7f) << shift
    if ((byte & 0x80) === 0) break
    if (shift >= 63n) throw new Error('a long of more than 64 bits')
  }
  if (zigzag >> 64n !== 0n) throw new Error('a long of more than 64 bits')
  return narrow((zigzag >> 1n) ^ -(zigzag & 1n))
}

class CheckedString extends avro.types.StringType {
  _read(tap: Tap): string {
    const length = tap.readLong()
    const start = tap.pos
    const end = start + length
    if (length < 0 || end > tap.buf.length) throw new Error(`a text of ${length} bytes`)
    tap.pos = end
    const text = utf8Text(tap.buf, start, end)
    if (text.includes('\ufffd') && !isUtf8(tap.buf.subarray(start, end))) {
      throw new Error('a text that is not valid UTF-8')
    }
    return text
  }
}

// A resolver borrows `_read` of these two and has their item types, so that they may use no private state.

class BoundedArray extends avro.types.ArrayType {
  _read(this: { readonly itemsType: unknown }, tap: Tap): unknown[] {
    const items = this.itemsType as Readable
    const values: unknown[] = []
    for (let count; (count = readBlock(tap, items)) > 0;) {
      while (count-- > 0) values.push(items._read(tap))
    }
    return values
  }

  _skip(tap: Tap): void {
    const items = this.itemsType as unknown as Readable
    for (let count; (count = skipBlocks(tap, items)) > 0;) while (count-- > 0) items._skip(tap)
  }
}

class BoundedMap extends avro.types.MapType {
  _read(this: { readonly valuesType: unknown }, tap: Tap): Record<string, unknown> {
    const items = this.valuesType as Readable
    const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (let count; (count = readBlock(tap, undefined)) > 0;) {
      while (count-- > 0) values[CheckedString.prototype._read(tap)] = items._read(tap)
    }
    return values
  }

  _skip(tap: Tap): void {
    const items = this.valuesType as Readable
    for (let count; (count = skipBlocks(tap, undefined)) > 0;) {
      while (count-- > 0) {
        tap.skipString()
        items._skip(tap)
      }
    }
  }
}

/** Items in the next block; 0 at the end. */
function readBlock(tap: Tap, items: unknown): number {
  const count = tap.readLong()
  if (count >= 0) return bounded(tap, count, items)
  tap.readLong()
  return bounded(tap, -count, items)
}

/** Passes over the blocks that tell their size; the items of the next one that does not. */
function skipBlocks(tap: Tap, items: unknown): number {
  for (;;) {
    const count = tap.readLong()
    if (count >= 0) return bounded(tap, count, items)
    const size = tap.readLong()
    if (size < 0 || size > tap.buf.length - tap.pos) throw new Error(`a block of ${size} bytes`)
    tap.pos += size
  }
}

function bounded(tap: Tap, count: number, items: unknown): number {
  const max = isEmptyItem(items) ? EMPTY_ITEMS_MAX : tap.buf.length - tap.pos
  if (count > max) throw new Error(`a block of ${count} items where ${max} bytes are left`)
  return count
}

function isEmptyItem(items: unknown): boolean {
  const type =
    items instanceof avro.Type ? items : (items as { _readerType?: Type } | undefined)?._readerType
  if (type === undefined) return false
  if (type.typeName === 'null') return true
  if (type instanceof avro.types.FixedType) return type.size === 0
  return type instanceof avro.types.RecordType && type.fields.length === 0
}
