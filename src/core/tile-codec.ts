/**
 * Tiles as bytes. Most cells are small integers, so each is stored as short as it is:
 *
 *     format u8 | layout u8 | offset, event time, timestamp, cells ... | per text: length + UTF-8, 0 = null
 *
 *     cell: one byte 0..247 is the value; else a tag: 248 NaN, 249 float64 follows, 250 -Infinity,
 *           251..255 an integer of 1, 2, 3, 4 or 7 bytes (little endian, two's complement)
 *
 * Equal tiles have equal bytes. A tile of an older layout is read by that layout's signature.
 */
import { TidemarkError, invariant } from '../errors.ts'
import type { TileLayout } from './tile-layout.ts'
import { HEADER_CELLS, type TileSlab } from './tile-slab.ts'

const FORMAT = 1
const NAN = 248
const FLOAT = 249
const MINUS_INFINITY = 250
const INTEGER_BYTES = [1, 2, 3, 4, 7] as const
const INTEGER = 251

/** Where the eight bytes of a double are put together. */
const FLOAT_BYTES = new Uint8Array(8)
const FLOAT_VIEW = new DataView(FLOAT_BYTES.buffer)

export class TileCodec {
  readonly #layout: TileLayout
  readonly #current: number
  /** Per known layout: for each of its aggregates, how many cells and texts, and the place here (undefined: dropped). */
  readonly #readers: readonly (readonly ReadStep[])[]
  readonly #text = new TextEncoder()
  readonly #decoder = new TextDecoder()
  #buffer = new Uint8Array(256)
  #view = new DataView(this.#buffer.buffer)
  #at = 0

  /** @param signatures every layout the state has seen; the current one is among them. */
  constructor(layout: TileLayout, signatures: readonly (readonly string[])[]) {
    this.#layout = layout
    const own = JSON.stringify(layout.signature)
    this.#current = signatures.findIndex((signature) => JSON.stringify(signature) === own)
    invariant(
      this.#current >= 0 && signatures.length < 256,
      'the current tile layout is registered',
    )
    this.#readers = signatures.map((signature) => readSteps(signature, layout))
  }

  /** Bytes of a slot; a view of a buffer of the codec, valid until its next call. */
  encode(slab: TileSlab, slot: number): Uint8Array {
    const { width, textWidth } = this.#layout
    this.#reserve(2 + width * 9)
    this.#at = 0
    this.#buffer[this.#at++] = FORMAT
    this.#buffer[this.#at++] = this.#current
    for (let i = 0; i < width; i += 1) this.#writeCell(slab.cells[slot * width + i] ?? NaN)
    for (let i = 0; i < textWidth; i += 1) this.#writeText(slab.texts[slot * textWidth + i] ?? null)
    return this.#buffer.subarray(0, this.#at)
  }

  /** The bytes in the current layout of a tile that was decoded into a slot. */
  current(bytes: Uint8Array, slab: TileSlab, slot: number): Uint8Array {
    return bytes[1] === this.#current ? bytes : this.encode(slab, slot)
  }

  /** @returns how many bytes the tile has by its layout. @throws STATE_DAMAGED for bytes of another format */
  decode(bytes: Uint8Array, slab: TileSlab, slot: number): number {
    const reader = bytes[0] === FORMAT ? this.#readers[bytes[1] ?? 255] : undefined
    if (reader === undefined) {
      throw new TidemarkError(
        'STATE_DAMAGED',
        `a stored tile has format ${bytes[0]} and layout ${bytes[1]}, which this version cannot read. Use the version that wrote it, or rebuild the state from the log`,
      )
    }
    this.#at = 2
    this.#layout.clear(slab, slot)
    const base = slot * this.#layout.width
    for (let i = 0; i < HEADER_CELLS; i += 1) slab.cells[base + i] = this.#readCell(bytes)
    for (const { cells, cell } of reader) {
      for (let i = 0; i < cells; i += 1) {
        const value = this.#readCell(bytes)
        if (cell !== undefined) slab.cells[base + cell + i] = value
      }
    }
    const texts = slot * this.#layout.textWidth
    for (const step of reader) {
      for (let i = 0; i < step.texts; i += 1) {
        const value = this.#readText(bytes)
        if (step.text !== undefined) slab.texts[texts + step.text + i] = value
      }
    }
    return this.#at
  }

  #writeCell(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 53 && !Object.is(value, -0)) {
      this.#writeInteger(value)
    } else if (Number.isNaN(value)) {
      this.#buffer[this.#at++] = NAN
    } else if (value === -Infinity) {
      this.#buffer[this.#at++] = MINUS_INFINITY
    } else {
      this.#buffer[this.#at++] = FLOAT
      this.#view.setFloat64(this.#at, value, true)
      this.#at += 8
    }
  }

  #writeInteger(value: number): void {
    if (value >= 0 && value < NAN) {
      this.#buffer[this.#at++] = value
      return
    }
    const size =
      value >= -0x80 && value < 0x80
        ? 0
        : value >= -0x8000 && value < 0x8000
          ? 1
          : value >= -0x800000 && value < 0x800000
            ? 2
            : value >= -0x80000000 && value < 0x80000000
              ? 3
              : 4
    this.#buffer[this.#at++] = INTEGER + size
    const bytes = INTEGER_BYTES[size]
    let rest = value
    for (let i = 0; i < bytes; i += 1) {
      const low = rest - Math.floor(rest / 256) * 256
      this.#buffer[this.#at++] = low
      rest = (rest - low) / 256
    }
  }

  #readCell(bytes: Uint8Array): number {
    const tag = bytes[this.#at++] ?? NAN
    if (tag < NAN) return tag
    if (tag === NAN) return NaN
    if (tag === MINUS_INFINITY) return -Infinity
    if (tag === FLOAT) {
      for (let i = 0; i < 8; i += 1) FLOAT_BYTES[i] = bytes[this.#at + i] ?? 0
      this.#at += 8
      return FLOAT_VIEW.getFloat64(0, true)
    }
    const size = INTEGER_BYTES[tag - INTEGER] ?? 7
    const top = bytes[this.#at + size - 1] ?? 0
    let value = top < 128 ? top : top - 256
    for (let i = size - 2; i >= 0; i -= 1) value = value * 256 + (bytes[this.#at + i] ?? 0)
    this.#at += size
    return value
  }

  #writeText(value: string | null): void {
    if (value === null) {
      this.#reserve(this.#at + 9)
      this.#writeInteger(0)
      return
    }
    this.#reserve(this.#at + 9 + value.length * 3)
    const bytes = this.#text.encode(value)
    this.#writeInteger(bytes.length + 1)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #readText(bytes: Uint8Array): string | null {
    const length = this.#readCell(bytes)
    if (length === 0) return null
    const start = this.#at
    this.#at += length - 1
    return this.#decoder.decode(bytes.subarray(start, this.#at))
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const grown = new Uint8Array(Math.max(bytes, this.#buffer.length * 2))
    grown.set(this.#buffer)
    this.#buffer = grown
    this.#view = new DataView(grown.buffer)
  }
}

interface ReadStep {
  readonly cells: number
  readonly texts: number
  readonly cell: number | undefined
  readonly text: number | undefined
}

function readSteps(signature: readonly string[], layout: TileLayout): ReadStep[] {
  return signature.map((entry) => {
    const [cells = '', texts = ''] = entry.split(' ', 2)
    const key = entry.slice(cells.length + texts.length + 2)
    const placed = layout.placed.find((candidate) => candidate.key === key)
    return { cells: Number(cells), texts: Number(texts), cell: placed?.cell, text: placed?.text }
  })
}
