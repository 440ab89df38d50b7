/**
 * A table as of one version of its log: the fold of all actions up to there. Advanced commit by commit, so that the cost of
 * a commit does not grow with the table.
 */
import { invariant } from '../../errors.ts'
import type { Action, AddFile, MetaData, Protocol, RemoveFile, Txn } from './actions.ts'

export class Snapshot {
  #version = -1
  #protocol: Protocol | undefined
  #metaData: MetaData | undefined
  /** Active files by directory (`ds=...`), so that a commit looks only at the days it touches. */
  readonly #files = new Map<string, Map<string, AddFile>>()
  readonly #removed = new Map<string, RemoveFile>()
  readonly #transactions = new Map<string, Txn>()

  get version(): number {
    return this.#version
  }

  get protocol(): Protocol {
    invariant(this.#protocol, 'the log of a table begins with its protocol')
    return this.#protocol
  }

  get metaData(): MetaData {
    invariant(this.#metaData, 'the log of a table begins with its metadata')
    return this.#metaData
  }

  /** False while no version is applied, or the log is no table's. */
  get complete(): boolean {
    return this.#protocol !== undefined && this.#metaData !== undefined
  }

  setting(name: string): string | undefined {
    return this.metaData.configuration[name]
  }

  *files(): Iterable<AddFile> {
    for (const folder of this.#files.values()) yield* folder.values()
  }

  /** Directories that have active files. */
  folders(): Iterable<string> {
    return this.#files.keys()
  }

  /** Active files in a directory such as `ds=2001-01-05`. */
  filesIn(folder: string): Iterable<AddFile> {
    return this.#files.get(folder)?.values() ?? []
  }

  isActive(path: string): boolean {
    return this.#files.get(folderOf(path))?.has(path) ?? false
  }

  /** Files that a version of the log has taken out and that vacuum has not forgotten yet. */
  removed(): Iterable<RemoveFile> {
    return this.#removed.values()
  }

  removal(path: string): RemoveFile | undefined {
    return this.#removed.get(path)
  }

  transactions(): Iterable<Txn> {
    return this.#transactions.values()
  }

  transaction(appId: string): number | undefined {
    return this.#transactions.get(appId)?.version
  }

  apply(version: number, actions: Iterable<Action>): void {
    for (const action of actions) this.#applyOne(action)
    this.#version = version
  }

  #applyOne({ protocol, metaData, txn, add, remove }: Action): void {
    if (protocol) this.#protocol = protocol
    if (metaData) this.#metaData = metaData
    if (txn) this.#transactions.set(txn.appId, txn)
    if (remove) this.#remove(remove)
    if (add) this.#add(add)
  }

  #add(file: AddFile): void {
    const folder = folderOf(file.path)
    const files = this.#files.get(folder) ?? new Map<string, AddFile>()
    this.#files.set(folder, files)
    files.set(file.path, file)
    this.#removed.delete(file.path)
  }

  #remove(file: RemoveFile): void {
    const folder = folderOf(file.path)
    const files = this.#files.get(folder)
    files?.delete(file.path)
    if (files?.size === 0) this.#files.delete(folder)
    this.#removed.set(file.path, file)
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
