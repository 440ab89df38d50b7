/** Files that a reader has read, and that must stay as they were for as long as it counts on them. */
import type { FileReader } from './bucket-reader.ts'

export class FilesRead {
  readonly #files: FileReader
  readonly #read = new Map<string, Uint8Array>()

  constructor(files: FileReader) {
    this.#files = files
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#files.get(path)
    if (bytes !== undefined) this.#read.set(path, bytes)
    return bytes
  }

  /** It may go. */
  forget(path: string): void {
    this.#read.delete(path)
  }

  async changes(): Promise<string[]> {
    const problems: string[] = []
    for (const [path, bytes] of this.#read) {
      const now = await this.#files.get(path)
      if (now === undefined) problems.push(`${path} counts, but there is no such file`)
      else if (now !== bytes && Buffer.compare(now, bytes) !== 0)
        problems.push(`${path} was written over`)
    }
    return problems
  }
}
