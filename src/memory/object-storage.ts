/**
 * A place of files in memory, for simulations: `MemoryBucket` is what survives, each `MemoryObjectStorage` is a client of it.
 *
 * Local files are in memory as well (`MemoryFiles`, the disk of one machine): what is staged, moved in or opened has a path
 * there that no file system knows. Nothing waits for anything real: every answer is a promise that is resolved already.
 */
import { invariant } from '../errors.ts'
import { storageFailure, type StorageFaults } from '../storage/failure.ts'
import type { LocalFile, ObjectStorage, StoredFile } from '../storage/object-storage.ts'

const STAGING = '/memory/staging'
const OPENED = '/memory/opened'

/** Files of one machine that are on their way to a bucket or were opened from it, by path. */
export class MemoryFiles {
  readonly #files = new Map<string, Uint8Array>()
  #opened = 0

  /** The bytes are kept as they are: who gives them must not change them. */
  write(path: string, bytes: Uint8Array): void {
    this.#files.set(path, bytes)
  }

  /** @throws with the system's code for a file that is not there */
  read(path: string): Uint8Array {
    const bytes = this.#files.get(path)
    if (bytes === undefined) throw noSuchFile(path)
    return bytes
  }

  remove(path: string): void {
    this.#files.delete(path)
  }

  /** A path that no other file has or had. */
  newPath(name: string): string {
    this.#opened += 1
    return `${OPENED}/${this.#opened}/${name}`
  }
}

interface Content {
  readonly bytes: Uint8Array
  readonly modifiedMs: number
}

export class MemoryBucket {
  readonly contents = new Map<string, Content>()
}

export interface MemoryStorageOptions {
  readonly bucket: MemoryBucket
  readonly files: MemoryFiles
  readonly nowMs: () => number
  readonly faults: StorageFaults
}

export class MemoryObjectStorage implements ObjectStorage {
  readonly location = 'memory'
  readonly #options: MemoryStorageOptions

  constructor(options: MemoryStorageOptions) {
    this.#options = options
  }

  staging(): Promise<string> {
    return Promise.resolve(STAGING)
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#find(path) !== undefined) return Promise.resolve(false)
    this.#store(path, new Uint8Array(bytes))
    return Promise.resolve(true)
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    this.#find(path)
    this.#store(path, new Uint8Array(bytes))
    return Promise.resolve()
  }

  moveIn(localPath: string, path: string): Promise<StoredFile> {
    this.#find(path)
    const { files } = this.#options
    return this.#attempt(`write ${path}`, () => {
      const content = this.#store(path, files.read(localPath))
      files.remove(localPath)
      return stored(path, content)
    })
  }

  copy(from: string, to: string): Promise<StoredFile> {
    const content = this.#find(from)
    this.#find(to)
    return this.#attempt(`copy ${from} to ${to}`, () => {
      if (content === undefined) throw noSuchFile(from)
      return stored(to, this.#store(to, content.bytes))
    })
  }

  discard(localPath: string): Promise<void> {
    this.#options.files.remove(localPath)
    return Promise.resolve()
  }

  get(path: string): Promise<Uint8Array | undefined> {
    const content = this.#find(path)
    return Promise.resolve(content && new Uint8Array(content.bytes))
  }

  stat(path: string): Promise<StoredFile | undefined> {
    const content = this.#find(path)
    return Promise.resolve(content && stored(path, content))
  }

  list(prefix: string): Promise<StoredFile[]> {
    const found: StoredFile[] = []
    for (const [path, content] of this.#options.bucket.contents)
      if (path.startsWith(prefix)) found.push(stored(path, content))
    return Promise.resolve(found.sort((a, b) => (a.path < b.path ? -1 : 1)))
  }

  delete(path: string): Promise<void> {
    this.#find(path)
    this.#options.bucket.contents.delete(path)
    return Promise.resolve()
  }

  open(path: string): Promise<LocalFile> {
    const content = this.#find(path)
    const { files } = this.#options
    return this.#attempt(`read ${path}`, () => {
      if (content === undefined) throw noSuchFile(path)
      const local = files.newPath(path)
      files.write(local, content.bytes)
      return {
        path: local,
        [Symbol.asyncDispose]: () => {
          files.remove(local)
          return Promise.resolve()
        },
      }
    })
  }

  #find(path: string): Content | undefined {
    const leaves = path.startsWith('/') || (path.includes('..') && path.split('/').includes('..'))
    if (leaves) invariant(false, `a path is relative and stays inside: ${path}`)
    return this.#options.bucket.contents.get(path)
  }

  #store(path: string, bytes: Uint8Array): Content {
    const content = { bytes, modifiedMs: Math.floor(this.#options.nowMs()) }
    this.#options.bucket.contents.set(path, content)
    return content
  }

  #attempt<T>(doing: string, work: () => T): Promise<T> {
    try {
      return Promise.resolve(work())
    } catch (error) {
      const { faults } = this.#options
      const sentence = `${faults.what} ${this.location}: cannot ${doing}`
      return Promise.reject(storageFailure(faults, sentence, error))
    }
  }
}

function stored(path: string, { bytes, modifiedMs }: Content): StoredFile {
  return { path, bytes: bytes.length, modifiedMs }
}

function noSuchFile(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT' })
}
