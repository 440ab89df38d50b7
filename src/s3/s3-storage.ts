/**
 * Files in a bucket of S3 or a server like it: an object appears whole under its name, or not at all, and is durable when
 * the server says so. What has to be a local file (Parquet is written and read by DuckDB) passes through a directory of its
 * own on this machine, which goes with the storage.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3'
import { TidemarkError } from '../errors.ts'
import { guarded } from '../storage/failure.ts'
import type { StorageFaults } from '../storage/failure.ts'
import { checkInside } from '../storage/inside.ts'
import { locationText } from '../storage/location.ts'
import type { LocalFile, ObjectStorage, StoredFile } from '../storage/object-storage.ts'
import { DEFAULT_TIMEOUTS, openBucket } from './bucket.ts'
import type { Bucket, S3Location, S3Timeouts } from './bucket.ts'
import { conditionProblem, contentionProblem, putIfAbsent } from './put-if-absent.ts'
import { s3Failure } from './s3-failure.ts'
import { copyObject, download, downloadTo, isMissing, upload } from './transfer.ts'

/** The object by which the server is asked whether it honours conditions. */
const TRIAL = '_tidemark/conditional-put'
/** Local files of processes that died are older than any that is in use. */
const LEFTOVER_MS = 24 * 3_600_000

export interface S3StorageOptions {
  readonly faults: StorageFaults
  /** Where local files pass through; made when missing. Several processes may share it. */
  readonly workspace: string
  readonly timeouts?: S3Timeouts
  /** Larger files are sent in parts of this size. */
  readonly partBytes?: number
}

export class S3Storage implements ObjectStorage, AsyncDisposable {
  readonly location: string
  readonly #place: S3Location
  readonly #options: S3StorageOptions
  readonly #bucket: Bucket
  readonly #folder: string
  /** Empty, or ends with `/`. */
  readonly #root: string
  #hasAnswered = false
  #trial: Promise<void> | undefined
  #swept: Promise<void> | undefined

  constructor(place: S3Location, options: S3StorageOptions) {
    this.#place = place
    this.#options = options
    this.#bucket = openBucket(place, options.timeouts ?? DEFAULT_TIMEOUTS)
    this.#root = place.prefix === '' ? '' : `${place.prefix}/`
    this.location = locationText(place)
    this.#folder = join(options.workspace, randomUUID())
  }

  staging(): Promise<string> {
    const { faults } = this.#options
    const doing = `${faults.what} ${this.location}: cannot make ${this.#folder}`
    return guarded(faults, doing, async () => {
      this.#swept ??= sweep(this.#options.workspace)
      await this.#swept
      await mkdir(this.#folder, { recursive: true })
      return this.#folder
    })
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#guarded('write', path, async (key) => {
      await this.#checkConditions()
      return putIfAbsent(this.#bucket, key, bytes)
    })
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#guarded('write', path, async (key) => {
      const { client, name } = this.#bucket
      await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body: bytes }))
    })
  }

  moveIn(localPath: string, path: string): Promise<StoredFile> {
    return this.#guarded('write', path, async (key) => {
      const bytes = await upload(this.#bucket, key, localPath, this.#options)
      await rm(localPath)
      return { path, bytes, modifiedMs: wholeSeconds(Date.now()) }
    })
  }

  copy(from: string, to: string): Promise<StoredFile> {
    checkInside(from)
    return this.#guarded(`copy ${from} to`, to, async (key) => {
      const bytes = await copyObject(this.#bucket, this.#root + from, key)
      return { path: to, bytes, modifiedMs: wholeSeconds(Date.now()) }
    })
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#guarded('read', path, (key) => download(this.#bucket, key))
  }

  stat(path: string): Promise<StoredFile | undefined> {
    return this.#guarded('read', path, async (key) => {
      try {
        const { client, name } = this.#bucket
        const head = await client.send(new HeadObjectCommand({ Bucket: name, Key: key }))
        const modifiedMs = wholeSeconds(head.LastModified?.getTime() ?? 0)
        return { path, bytes: head.ContentLength ?? 0, modifiedMs }
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    })
  }

  list(prefix: string): Promise<StoredFile[]> {
    return this.#guarded('list', prefix, async (key) => {
      const { client, name } = this.#bucket
      const found: StoredFile[] = []
      for await (const page of paginateListObjectsV2({ client }, { Bucket: name, Prefix: key })) {
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
          // What consoles make for a folder is no file.
          if (Key.endsWith('/')) continue
          const modifiedMs = wholeSeconds(LastModified?.getTime() ?? 0)
          found.push({ path: Key.slice(this.#root.length), bytes: Size, modifiedMs })
        }
      }
      return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    })
  }

  delete(path: string): Promise<void> {
    return this.#guarded('delete', path, async (key) => {
      const { client, name } = this.#bucket
      await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }))
    })
  }

  open(path: string): Promise<LocalFile> {
    return this.#guarded('read', path, async (key) => {
      // Under its whole path: readers take the day from the folder's name.
      const folder = join(await this.staging(), randomUUID())
      const local = join(folder, path)
      await mkdir(dirname(local), { recursive: true })
      const close = (): Promise<void> => rm(folder, { recursive: true, force: true })
      try {
        if (!(await downloadTo(this.#bucket, key, local))) throw new Error('there is no such file')
      } catch (error) {
        await close()
        throw error
      }
      return { path: local, [Symbol.asyncDispose]: close }
    })
  }

  discard(localPath: string): Promise<void> {
    return rm(localPath, { force: true })
  }

  /**
   * For the doctor: writes, reads and deletes, several writers at once.
   * @throws as any method does, and the refusal of a server that does not honour conditions
   */
  async tryOut(): Promise<void> {
    await this.#attempt('cannot be used', async () => {
      await this.#checkConditions()
      this.#refuse(await contentionProblem(this.#bucket, this.#root + TRIAL))
    })
    await this.list('_tidemark/')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bucket.client.destroy()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Once, before anything rests on it. */
  #checkConditions(): Promise<void> {
    this.#trial ??= conditionProblem(this.#bucket, this.#root + TRIAL).then((problem) =>
      this.#refuse(problem),
    )
    return this.#trial.catch((error: unknown) => {
      this.#trial = undefined
      throw error
    })
  }

  #refuse(problem: string | undefined): void {
    if (problem === undefined) return
    const { faults } = this.#options
    throw new TidemarkError(faults.refused, `${faults.what} ${this.location}: ${problem}`)
  }

  #guarded<T>(doing: string, path: string, work: (key: string) => Promise<T>): Promise<T> {
    checkInside(path)
    return this.#attempt(`cannot ${doing} ${path === '' ? 'it' : path}`, () =>
      work(this.#root + path),
    )
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      this.#hasAnswered = true
      return result
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('invariant broken')) throw error
      const { faults } = this.#options
      const context = { faults, location: this.#place, hasAnswered: this.#hasAnswered }
      throw s3Failure(context, `${faults.what} ${this.location}: ${doing}`, error)
    }
  }
}

/** Lists have milliseconds on some servers, a file's own answer never has. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

/** What processes left that were killed. */
async function sweep(workspace: string): Promise<void> {
  await mkdir(workspace, { recursive: true })
  for (const name of await readdir(workspace)) {
    const folder = join(workspace, name)
    const found = await stat(folder).catch(() => undefined)
    const isOld = found !== undefined && Date.now() - found.mtimeMs > LEFTOVER_MS
    if (isOld) await rm(folder, { recursive: true, force: true })
  }
}
