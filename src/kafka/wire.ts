/**
 * Fields of Kafka's protocol, for the few requests that are ours (Metadata, ListOffsets, Fetch, DescribeConfigs).
 *
 * "Compact" and "tags" belong to the flexible versions of a request. A reader that runs out of bytes throws a RangeError:
 * who sent the request says what was answered wrongly.
 */
import { int64 } from './int64.ts'

const ROOM_AT_FIRST = 512

/** Grows as it is written; kafkajs takes it for an encoder of its own. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(ROOM_AT_FIRST)
  #length = 0

  /** What kafkajs recognises an encoder by. */
  get buf(): Buffer {
    return this.buffer
  }

  get buffer(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  int8(value: number): this {
    this.#bytes.writeInt8(value, this.#grow(1))
    return this
  }

  int16(value: number): this {
    this.#bytes.writeInt16BE(value, this.#grow(2))
    return this
  }

  int32(value: number): this {
    this.#bytes.writeInt32BE(value, this.#grow(4))
    return this
  }

  int64(value: number): this {
    this.#bytes.writeBigInt64BE(BigInt(value), this.#grow(8))
    return this
  }

  string(value: string): this {
    const bytes = Buffer.from(value)
    return this.int16(bytes.length).#raw(bytes)
  }

  /** No string at all, in a field that may be without. */
  noString(): this {
    return this.int16(-1)
  }

  bytes(value: Buffer): this {
    return this.int32(value.length).#raw(value)
  }

  compactString(value: string): this {
    const bytes = Buffer.from(value)
    return this.uvarint(bytes.length + 1).#raw(bytes)
  }

  uvarint(value: number): this {
    let rest = value
    while (rest > 0x7f) {
      this.#bytes.writeUInt8((rest & 0x7f) | 0x80, this.#grow(1))
      rest >>>= 7
    }
    this.#bytes.writeUInt8(rest, this.#grow(1))
    return this
  }

  zeros(count: number): this {
    return this.#raw(Buffer.alloc(count))
  }

  /** No tagged fields. */
  noTags(): this {
    return this.uvarint(0)
  }

  #raw(bytes: Buffer): this {
    const at = this.#grow(bytes.length)
    bytes.copy(this.#bytes, at)
    return this
  }

  #grow(length: number): number {
    const at = this.#length
    this.#length += length
    if (this.#length > this.#bytes.length) {
      const wider = Buffer.allocUnsafe(this.#length * 2)
      this.#bytes.copy(wider, 0, 0, at)
      this.#bytes = wider
    }
    return at
  }
}

export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  /** @throws where it is not exact in a double */
  int64(): number {
    return int64(this.#bytes, this.#take(8))
  }

  string(): string | undefined {
    return this.#text(this.int16())
  }

  compactString(): string | undefined {
    return this.#text(this.uvarint() - 1)
  }

  /** Empty where there are none. */
  bytes(): Buffer {
    const length = Math.max(0, this.int32())
    const start = this.#take(length)
    return this.#bytes.subarray(start, start + length)
  }

  hex(length: number): string {
    const start = this.#take(length)
    return this.#bytes.toString('hex', start, start + length)
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#take(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new RangeError('a varint of more than 32 bits')
  }

  array<T>(read: () => T): T[] {
    return this.#times(this.int32(), read)
  }

  compactArray<T>(read: () => T): T[] {
    return this.#times(this.uvarint() - 1, read)
  }

  skipTags(): void {
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint()
      this.#take(this.uvarint())
    }
  }

  #times<T>(count: number, read: () => T): T[] {
    const items: T[] = []
    for (let left = count; left > 0; left--) items.push(read())
    return items
  }

  #text(length: number): string | undefined {
    if (length < 0) return undefined
    const start = this.#take(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  #take(length: number): number {
    const start = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw new RangeError(`ends inside a field at byte ${start}`)
    return start
  }
}
