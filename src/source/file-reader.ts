/**
 * Reads one partition's file from an offset on and follows its growth.
 *
 * Bytes come in blocks of a mebibyte or more. A block is filled once, from its start to its end, and never reused:
 * batches point into it and stay valid as long as somebody holds them. What is left of a record at the end of a full
 * block moves to the start of the next one. No byte is read twice, none is left out, whatever the sizes asked for.
 *
 *   block   | records already given | whole records | a piece of one |  room  |
 *                                   ^ #cursor                        ^ #filled ^ capacity
 */
import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { RecordBatch } from '../core/event.ts'
import type { PartitionReader } from '../engine/ports.ts'
import type { PartitionFile } from './file-errors.ts'
import { damaged, fileCut, fileReplaced, noBoundary, unreadable } from './file-errors.ts'
import type { ReadAt } from './framing.ts'
import { createRecordColumns, takeBatch } from './record-columns.ts'

const BLOCK_BYTES_MIN = 1024 * 1024
const BLOCK_BYTES_MAX = 16 * 1024 * 1024
/** Where less room than this is left in a block, the next read begins a new one. */
const READ_BYTES_MIN = 64 * 1024
const IDENTITY_BYTES = 64 * 1024

export class FileReader implements PartitionReader {
  readonly #file: PartitionFile
  readonly #handle: FileHandle
  readonly #inode: number
  readonly #columns = createRecordColumns()
  readonly #readAt: ReadAt
  #block = Buffer.alloc(0)
  /** Position in the file of the block's first byte. */
  #base: number
  #cursor = 0
  #filled = 0
  /** Bytes after the cursor without which the next record cannot be whole. */
  #needed = 1
  /** Of the file, when it was last looked at. */
  #size: number
  /** The end as far as it is known: the size, and once its records were looked at, where a torn tail begins. */
  #end: number
  /** The furthest boundary that a search for the end has found. */
  #boundary = 0
  /** What the caller takes for its position: the end of the last batch that it was given. */
  #given: number
  #headerSeen = false
  #identity: string | undefined

  private constructor(file: PartitionFile, handle: FileHandle, found: FoundFile, offset: number) {
    this.#file = file
    this.#handle = handle
    this.#inode = found.inode
    this.#size = found.size
    this.#end = found.size
    this.#base = Math.max(offset, file.framing.headerBytes)
    this.#given = offset
    this.#readAt = (position, length) => this.#readBytes(position, length)
  }

  /** @throws OFFSET_GONE where no record can begin at `offset`, SOURCE_UNREADABLE */
  static async open(file: PartitionFile, offset: number): Promise<FileReader> {
    const handle = await open(file.path, 'r').catch((cause: unknown) => {
      throw unreadable(file, offset, `cannot open ${file.path}: ${String(cause)}`, cause)
    })
    try {
      const { size, ino } = await handle.stat()
      const reader = new FileReader(file, handle, { size, inode: ino }, offset)
      await reader.#checkStart(offset)
      return reader
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async read(bytesMax: number): Promise<RecordBatch | undefined> {
    for (;;) {
      if (this.#filled - this.#cursor >= this.#needed) {
        const batch = this.#split(bytesMax)
        if (batch !== undefined) return batch
      } else if (!(await this.#fill(bytesMax))) {
        return undefined
      }
    }
  }

  async endOffset(): Promise<number> {
    await this.#look()
    const { framing } = this.#file
    if (this.#size < framing.headerBytes) return framing.headerBytes
    const from = Math.max(this.#boundary, this.#offset)
    this.#boundary = await framing.lastBoundary(this.#readAt, from, this.#size)
    this.#end = this.#boundary
    return this.#end
  }

  lag(offset: number): number {
    // Behind the last record that was given out there may be what is none, such as blank lines.
    const passed = offset === this.#given ? this.#offset : offset
    return Math.max(0, this.#end - Math.max(passed, this.#file.framing.headerBytes))
  }

  /** Of the first record's bytes: an append-only file can never change them. */
  async identity(): Promise<string | undefined> {
    if (this.#identity !== undefined) return this.#identity
    const { framing } = this.#file
    await this.#look()
    if (!(await this.#checkHeader())) return undefined
    const columns = createRecordColumns()
    let base = framing.headerBytes
    let wanted = IDENTITY_BYTES
    for (;;) {
      const bytes = await this.#readBytes(base, wanted)
      const piece = { bytes, start: 0, end: bytes.length, base }
      const { next, needed, damage } = framing.split(piece, 1, columns)
      if (columns.count > 0) {
        const first = bytes.subarray(columns.offsets[0]! - base, next)
        this.#identity = createHash('sha256').update(first).digest('hex').slice(0, 32)
        return this.#identity
      }
      if (damage !== undefined) throw damaged(this.#file, base + next, damage)
      if (bytes.length < wanted) return undefined
      base += next
      wanted = Math.max(IDENTITY_BYTES, needed, next === 0 ? wanted * 2 : 0)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  /** Position in the file of the first record that was not given out. */
  get #offset(): number {
    return this.#base + this.#cursor
  }

  #split(bytesMax: number): RecordBatch | undefined {
    const piece = {
      bytes: this.#block,
      start: this.#cursor,
      end: this.#filled,
      base: this.#base,
    }
    const { next, needed, damage } = this.#file.framing.split(piece, bytesMax, this.#columns)
    this.#cursor = next
    this.#needed = needed
    if (this.#columns.count > 0) {
      this.#given = this.#offset
      return takeBatch(this.#columns, this.#block, this.#offset)
    }
    // Records before the damage were given out first: they are good, and the position told is the exact one.
    if (damage !== undefined) throw damaged(this.#file, this.#offset, damage)
    return undefined
  }

  /** Gets more bytes into the block; false where the file has none now. */
  async #fill(bytesMax: number): Promise<boolean> {
    const position = this.#base + this.#filled
    if (position >= this.#size) await this.#look()
    if (position >= this.#size || !(await this.#checkHeader())) {
      this.#end = this.#offset
      return false
    }
    this.#makeRoom(bytesMax)
    const length = Math.min(this.#block.length - this.#filled, this.#size - position)
    const read = await this.#readInto(this.#block, this.#filled, length, position)
    this.#filled += read
    return read > 0
  }

  #makeRoom(bytesMax: number): void {
    const room = this.#block.length - this.#filled
    const rest = this.#filled - this.#cursor
    if (room >= READ_BYTES_MIN && this.#block.length - this.#cursor >= this.#needed) return
    // Twice the need: a record that is larger than a block, of unknown length, is copied few times.
    const capacity = Math.max(
      BLOCK_BYTES_MIN,
      Math.min(bytesMax, BLOCK_BYTES_MAX),
      rest + READ_BYTES_MIN,
      this.#needed > BLOCK_BYTES_MIN / 2 ? this.#needed * 2 : 0,
    )
    const block = Buffer.allocUnsafeSlow(capacity)
    this.#block.copy(block, 0, this.#cursor, this.#filled)
    this.#base += this.#cursor
    this.#block = block
    this.#cursor = 0
    this.#filled = rest
  }

  /** Learns the file's size by its path, so that a file that was deleted and made again is noticed. */
  async #look(): Promise<void> {
    const { path } = this.#file
    const found = await stat(path).catch((cause: unknown) => {
      throw unreadable(
        this.#file,
        this.#offset,
        `${path} is gone: ${String(cause)}. Put it back`,
        cause,
      )
    })
    if (found.ino !== this.#inode) {
      throw fileReplaced(this.#file, this.#offset)
    }
    const seen = Math.min(this.#base + this.#filled, this.#size)
    if (found.size < seen) throw fileCut(this.#file, seen, found.size)
    if (found.size !== this.#size) this.#end = found.size
    this.#size = found.size
  }

  async #checkStart(offset: number): Promise<void> {
    const { framing } = this.#file
    if (!(await this.#checkHeader())) {
      if (offset <= framing.headerBytes) return
      throw fileCut(this.#file, offset, this.#size)
    }
    if (offset > this.#size) throw fileCut(this.#file, offset, this.#size)
    if (offset === 0) return
    const fits = offset >= framing.headerBytes
    if (fits && (await framing.isBoundary(this.#readAt, offset, this.#size))) return
    throw noBoundary(this.#file, offset)
  }

  /** False while the file's header is not whole yet. */
  async #checkHeader(): Promise<boolean> {
    const { framing, path } = this.#file
    if (this.#headerSeen) return true
    if (this.#size < framing.headerBytes) return false
    const problem = framing.headerProblem(await this.#readBytes(0, framing.headerBytes))
    if (problem !== undefined) throw unreadable(this.#file, 0, `${path}: ${problem}`)
    this.#headerSeen = true
    return true
  }

  async #readBytes(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const read = await this.#readInto(bytes, filled, length - filled, position + filled)
      if (read === 0) break
      filled += read
    }
    return bytes.subarray(0, filled)
  }

  async #readInto(bytes: Buffer, at: number, length: number, position: number): Promise<number> {
    try {
      return (await this.#handle.read(bytes, at, length, position)).bytesRead
    } catch (cause) {
      throw unreadable(
        this.#file,
        position,
        `cannot read ${this.#file.path}: ${String(cause)}`,
        cause,
      )
    }
  }
}

interface FoundFile {
  readonly size: number
  readonly inode: number
}
