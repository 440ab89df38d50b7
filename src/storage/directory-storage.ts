/**
 * Files in a directory, local or shared (NFS 4, EFS): every file appears under its name whole and synced, or not at all.
 *
 * Put-if-absent is link(2): it fails with EEXIST where the name is taken, on every POSIX file system and across machines,
 * while rename would replace. A file is synced before it gets its name, the directory after; until then a crash may forget
 * the name, never half the bytes.
 */
import { randomUUID } from 'node:crypto'
import {
  constants,
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { guarded, systemCode } from './failure.ts'
import type { StorageFaults } from './failure.ts'
import { checkInside } from './inside.ts'
import {
  STAGING_FOLDER,
  type LocalFile,
  type StoredFile,
  type ObjectStorage,
} from './object-storage.ts'

export class DirectoryStorage implements ObjectStorage, AsyncDisposable {
  readonly location: string
  readonly #faults: StorageFaults

  constructor(directory: string, faults: StorageFaults) {
    this.location = resolve(directory)
    this.#faults = faults
  }

  staging(): Promise<string> {
    const doing = `${this.#faults.what} ${this.location}: cannot make ${STAGING_FOLDER}`
    return guarded(this.#faults, doing, async () => {
      const folder = join(this.location, STAGING_FOLDER)
      await mkdir(folder, { recursive: true })
      return folder
    })
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#guarded('write', path, async (target) => {
      await makeDirectory(dirname(target))
      const temporary = await this.#writeTemporary(bytes)
      try {
        if (!(await linked(temporary, target))) return false
      } finally {
        await unlink(temporary)
      }
      await syncDirectory(dirname(target))
      return true
    })
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#guarded('write', path, async (target) => {
      const temporary = await this.#writeTemporary(bytes)
      await makeDirectory(dirname(target))
      await rename(temporary, target)
      await syncDirectory(dirname(target))
    })
  }

  moveIn(localPath: string, path: string): Promise<StoredFile> {
    return this.#guarded('write', path, async (target) => {
      await syncFile(localPath)
      await makeDirectory(dirname(target))
      await rename(localPath, target)
      await syncDirectory(dirname(target))
      const { size, mtimeMs } = await stat(target)
      return { path, bytes: size, modifiedMs: Math.floor(mtimeMs) }
    })
  }

  copy(from: string, to: string): Promise<StoredFile> {
    checkInside(from)
    return this.#guarded(`copy ${from} to`, to, async (target) => {
      await makeDirectory(dirname(target))
      const temporary = join(await this.staging(), `${randomUUID()}.tmp`)
      try {
        // Where the file system can, both share their blocks.
        await copyFile(join(this.location, from), temporary, constants.COPYFILE_FICLONE)
        await syncFile(temporary)
        await rename(temporary, target)
      } finally {
        await rm(temporary, { force: true })
      }
      await syncDirectory(dirname(target))
      const { size, mtimeMs } = await stat(target)
      return { path: to, bytes: size, modifiedMs: Math.floor(mtimeMs) }
    })
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#guarded('read', path, (target) => orUndefined(readFile(target)))
  }

  stat(path: string): Promise<StoredFile | undefined> {
    return this.#guarded('read', path, async (target) => {
      const found = await orUndefined(stat(target))
      return found && { path, bytes: found.size, modifiedMs: Math.floor(found.mtimeMs) }
    })
  }

  list(prefix: string): Promise<StoredFile[]> {
    return this.#guarded('list', prefix, async () => {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
      const names = await orUndefined(
        readdir(join(this.location, folder), { recursive: true, withFileTypes: true }),
      )
      const paths = (names ?? [])
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(this.location.length + 1))
        .map((path) => path.split(sep).join('/'))
        .filter((path) => path.startsWith(prefix))
        .sort()
      const found: StoredFile[] = []
      for (const path of paths) {
        // A file that went away since is no file of the list.
        const file = await this.stat(path)
        if (file) found.push(file)
      }
      return found
    })
  }

  delete(path: string): Promise<void> {
    return this.#guarded('delete', path, (target) => rm(target, { force: true }))
  }

  open(path: string): Promise<LocalFile> {
    return this.#guarded('read', path, async (target) => {
      await stat(target)
      return { path: target, [Symbol.asyncDispose]: () => Promise.resolve() }
    })
  }

  discard(localPath: string): Promise<void> {
    return rm(localPath, { force: true })
  }

  /** Nothing is held open. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  async #writeTemporary(bytes: Uint8Array): Promise<string> {
    const temporary = join(await this.staging(), `${randomUUID()}.tmp`)
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    } finally {
      await file.close()
    }
    return temporary
  }

  #guarded<T>(doing: string, path: string, work: (target: string) => Promise<T>): Promise<T> {
    checkInside(path)
    const target = join(this.location, path)
    const sentence = `${this.#faults.what} ${this.location}: cannot ${doing} ${path}`
    return guarded(this.#faults, sentence, () => work(target))
  }
}

/** Gives the file a second name; false where that is taken by another file. */
async function linked(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target)
    return true
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    // A network file system may repeat a request whose answer was lost: then the name is taken by ourselves.
    return (await stat(temporary)).nlink === 2
  }
}

/** A new directory's name is durable only when its parent is synced. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let made = directory; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made))
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
