/**
 * Which plain copies of tables `tidemark table export` has made, and where: `_tidemark/exports/<hash>.json`, one per view and directory.
 * What changes days of a table knows by them which copies have to follow.
 */
import { createHash } from 'node:crypto'
import type { ObjectStorage } from './object-storage.ts'

export interface KnownExport {
  /** Title of the view: `user_activity@1`. */
  readonly view: string
  /** Absolute. */
  readonly directory: string
  /** On which the directory is. */
  readonly host: string
}

const FOLDER = '_tidemark/exports'

export class StoredExports {
  readonly #storage: ObjectStorage

  constructor(storage: ObjectStorage) {
    this.#storage = storage
  }

  /** Repeating it changes nothing. */
  note(known: KnownExport): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(known, undefined, 2)}\n`)
    return this.#storage.put(pathOf(known), bytes)
  }

  forget(known: KnownExport): Promise<void> {
    return this.#storage.delete(pathOf(known))
  }

  /** In the order of views and directories. */
  async list(): Promise<KnownExport[]> {
    const files = await this.#storage.list(`${FOLDER}/`)
    const found = await Promise.all(files.map(({ path }) => this.#storage.get(path)))
    const known = found.flatMap((bytes) =>
      bytes === undefined ? [] : [JSON.parse(Buffer.from(bytes).toString('utf8')) as KnownExport],
    )
    return known.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  }
}

function orderOf({ view, host, directory }: KnownExport): string {
  return JSON.stringify([view, host, directory])
}

function pathOf(known: KnownExport): string {
  return `${FOLDER}/${createHash('sha256').update(orderOf(known)).digest('hex').slice(0, 16)}.json`
}
