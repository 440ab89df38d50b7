/** A disk of a few MiB that a test can fill: mounted for it, where the machine lets it, and gone at its end. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const CHUNK = Buffer.alloc(64 * 1024, 1)

export class SmallDisk implements Disposable {
  readonly directory: string
  readonly #ballast: string

  private constructor(directory: string) {
    this.directory = directory
    this.#ballast = path.join(directory, 'ballast')
  }

  /** Undefined where file systems may not be mounted. */
  static mount(mebibytes: number): SmallDisk | undefined {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-disk-'))
    const args = ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tidemark-test', directory]
    try {
      execFileSync('mount', args, { stdio: 'ignore' })
      return new SmallDisk(directory)
    } catch {
      rmSync(directory, { recursive: true })
      return undefined
    }
  }

  path(name: string): string {
    return path.join(this.directory, name)
  }

  /** To the last byte. */
  fill(): void {
    for (let chunk = CHUNK; chunk.length > 0;) {
      try {
        writeFileSync(this.#ballast, chunk, { flag: 'a' })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        chunk = chunk.subarray(0, chunk.length >> 1)
      }
    }
  }

  /** Room again. */
  free(): void {
    rmSync(this.#ballast)
  }

  /** Lazily: a process that ends may hold it for a moment. */
  [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.directory])
    rmSync(this.directory, { recursive: true })
  }
}

export const NO_SMALL_DISK = 'a small disk cannot be mounted: needs root'
