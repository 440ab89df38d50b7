/**
 * Appends records to one partition of the embedded log. One writer per file.
 *
 * Records gather in memory and are written a mebibyte at a time; `flush` makes durable what was appended before it. A
 * torn tail that a crashed writer left is cut when the file is opened: its record was never acknowledged. A last line
 * that only lacks its line end is kept and ended, since people write such files by hand.
 */
import { writeSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { invariant, TidemarkError } from '../errors.ts'
import { FRAME_FILE_HEADER, frameBytes, writeFrame } from './frame-framing.ts'
import type { LogRecord } from './frame-framing.ts'
import { frameFraming } from './frame-framing.ts'
import { RECORD_BYTES_MAX } from './framing.ts'
import type { Framing, ReadAt } from './framing.ts'
import { lineFraming } from './line-framing.ts'

const PENDING_BYTES = 1024 * 1024
const LINE_END = 0x0a

export class FileLogWriter implements AsyncDisposable {
  readonly path: string
  readonly #handle: FileHandle
  readonly #framing: Framing
  #pending = Buffer.allocUnsafeSlow(PENDING_BYTES)
  #used = 0
  /** Bytes of the file. */
  #written: number

  private constructor(path: string, handle: FileHandle, framing: Framing, written: number) {
    this.path = path
    this.#handle = handle
    this.#framing = framing
    this.#written = written
  }

  /** Makes the directory and the file where they are missing. */
  static async open(
    directory: string,
    partition: number,
    extension: 'jsonl' | 'log',
  ): Promise<FileLogWriter> {
    const framing = extension === 'log' ? frameFraming : lineFraming
    await mkdir(directory, { recursive: true })
    const path = join(directory, `${partition}.${extension}`)
    const handle = await open(path, 'a+')
    try {
      await syncDirectory(directory)
      return new FileLogWriter(path, handle, framing, await mendTail(path, handle, framing))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The offset that the next record will have. */
  get endOffset(): number {
    return this.#written + this.#used
  }

  /** Returns the record's offset. Lines carry a value only: a key, headers or a timestamp would be lost there. */
  append(record: LogRecord): number {
    const offset = this.endOffset
    if (this.#framing === frameFraming) this.#appendFrame(record)
    else this.#appendLine(record)
    return offset
  }

  /** What was appended survives a power cut when it resolves. */
  async flush(): Promise<void> {
    this.#writePending()
    await this.#handle.datasync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#handle.close()
    }
  }

  #appendFrame(record: LogRecord): void {
    const length = frameBytes(record)
    invariant(length <= RECORD_BYTES_MAX, `a record has at most ${RECORD_BYTES_MAX} bytes`)
    const start = this.#reserve(length)
    writeFrame(record, this.#pending, start, length)
  }

  #appendLine({ value, key, timestamp, headers }: LogRecord): void {
    invariant(
      value !== null && value.length > 0 && !value.includes(LINE_END),
      'a line holds a value without line ends',
    )
    invariant(
      (key ?? null) === null && (headers?.length ?? 0) === 0 && Number.isNaN(timestamp ?? NaN),
      'a line holds nothing but a value',
    )
    invariant(value.length < RECORD_BYTES_MAX, `a record has at most ${RECORD_BYTES_MAX} bytes`)
    const start = this.#reserve(value.length + 1)
    this.#pending.set(value, start)
    this.#pending[start + value.length] = LINE_END
  }

  #reserve(length: number): number {
    if (this.#pending.length - this.#used < length) {
      this.#writePending()
      if (this.#pending.length < length) this.#pending = Buffer.allocUnsafeSlow(length)
    }
    const start = this.#used
    this.#used += length
    return start
  }

  /** Not asynchronous, so that `append` needs no waiting and memory stays bounded. */
  #writePending(): void {
    for (let at = 0; at < this.#used;) {
      const wrote = writeSync(this.#handle.fd, this.#pending, at, this.#used - at)
      at += wrote
      this.#written += wrote
    }
    this.#used = 0
  }
}

/** Leaves the file ending at a boundary and returns its size. */
async function mendTail(path: string, handle: FileHandle, framing: Framing): Promise<number> {
  const readAt: ReadAt = async (position, length) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  }
  const { size } = await handle.stat()
  if (size < framing.headerBytes) {
    await handle.truncate(0)
    await handle.appendFile(FRAME_FILE_HEADER)
    return framing.headerBytes
  }
  const problem = framing.headerProblem(await readAt(0, framing.headerBytes))
  if (problem !== undefined) {
    throw new TidemarkError('SOURCE_UNREADABLE', `${path}: ${problem}. Write to another file.`)
  }
  const end = await framing.lastBoundary(readAt, framing.headerBytes, size)
  if (end === size) return size
  if (framing === lineFraming && isWhole(await readAt(end, size - end))) {
    await handle.appendFile('\n')
    return size + 1
  }
  await handle.truncate(end)
  return end
}

/** An object that was cut short is no JSON any more; a number might be. */
function isWhole(line: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(line.toString())
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
