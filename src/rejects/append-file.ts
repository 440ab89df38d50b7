/**
 * A file of lines that only grows. What `append` wrote is durable when it resolves; a line that a crash or a full disk
 * left unfinished is cut when the file is opened, so that the next one begins on a line of its own.
 */
import { mkdir, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

const LINE_END = 0x0a
const SEARCH_BYTES = 64 * 1024

export class AppendFile implements AsyncDisposable {
  readonly #handle: FileHandle

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  static async open(path: string): Promise<AppendFile> {
    const directory = dirname(path)
    await mkdir(directory, { recursive: true })
    const handle = await open(path, 'a+')
    try {
      await cutTornLine(handle)
      await syncDirectory(directory)
      return new AppendFile(handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async append(lines: string): Promise<void> {
    await this.#handle.appendFile(lines)
    await this.#handle.datasync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

async function cutTornLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat()
  let end = size
  const bytes = Buffer.alloc(SEARCH_BYTES)
  while (end > 0) {
    const start = Math.max(0, end - SEARCH_BYTES)
    const { bytesRead } = await handle.read(bytes, 0, end - start, start)
    const found = bytes.lastIndexOf(LINE_END, bytesRead - 1)
    if (found !== -1) {
      end = start + found + 1
      break
    }
    end = start
  }
  if (end < size) await handle.truncate(end)
}

/** A new file is found after a power cut only if its directory was synced too. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
