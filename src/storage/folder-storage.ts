/** A folder of a place of files, as a place of its own: what works on a place can be given a part of one. */
import type { LocalFile, ObjectStorage, StoredFile } from './object-storage.ts'

/** @param folder relative, without a slash at its end */
export class FolderStorage implements ObjectStorage {
  readonly location: string
  readonly #whole: ObjectStorage
  readonly #prefix: string

  constructor(whole: ObjectStorage, folder: string) {
    this.#whole = whole
    this.#prefix = `${folder}/`
    this.location = `${whole.location.replace(/\/$/, '')}/${folder}`
  }

  staging(): Promise<string> {
    return this.#whole.staging()
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#whole.putIfAbsent(this.#prefix + path, bytes)
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#whole.put(this.#prefix + path, bytes)
  }

  async moveIn(localPath: string, path: string): Promise<StoredFile> {
    return this.#inside(await this.#whole.moveIn(localPath, this.#prefix + path))
  }

  async copy(from: string, to: string): Promise<StoredFile> {
    return this.#inside(await this.#whole.copy(this.#prefix + from, this.#prefix + to))
  }

  discard(localPath: string): Promise<void> {
    return this.#whole.discard(localPath)
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#whole.get(this.#prefix + path)
  }

  async stat(path: string): Promise<StoredFile | undefined> {
    const file = await this.#whole.stat(this.#prefix + path)
    return file && this.#inside(file)
  }

  async list(prefix: string): Promise<StoredFile[]> {
    const files = await this.#whole.list(this.#prefix + prefix)
    return files.map((file) => this.#inside(file))
  }

  delete(path: string): Promise<void> {
    return this.#whole.delete(this.#prefix + path)
  }

  open(path: string): Promise<LocalFile> {
    return this.#whole.open(this.#prefix + path)
  }

  #inside(file: StoredFile): StoredFile {
    return { ...file, path: file.path.slice(this.#prefix.length) }
  }
}
