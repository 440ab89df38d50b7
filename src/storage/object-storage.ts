/**
 * Where tables and checkpoints live: a flat space of files under relative paths with `/`, a local or shared directory or a
 * bucket. The one thing it must give is `putIfAbsent`: of several writers of one path exactly one is told that it won,
 * and its bytes are durable by then. Every adapter passes `test/conformance/object-storage.ts`.
 *
 * All methods throw a retryable error where a retry can help, and a final one where it cannot (disk full, permission);
 * which codes those have, the owner of the files says (`StorageFaults`).
 */
/** Under the location: hidden from Delta readers and from globs of a table. Leftovers of crashes are vacuumed. */
export const STAGING_FOLDER = '_tidemark/staging'

export interface ObjectStorage {
  /** For people: the directory or the bucket's address. */
  readonly location: string
  /** A local directory, made when missing, for files on their way to `moveIn`; best on the same file system. */
  staging(): Promise<string>
  /** False, and nothing changes, where `path` exists. Durable and whole once it returns true. */
  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean>
  /** Replaces the whole file at once; a reader sees the old bytes or the new ones. */
  put(path: string, bytes: Uint8Array): Promise<void>
  /** Moves a local file in under a new name, durably; the local file is gone afterwards. */
  moveIn(localPath: string, path: string): Promise<StoredFile>
  /** A second file with the bytes of the first, under a new name; durable and whole once it resolves. Fails where `from` is missing. */
  copy(from: string, to: string): Promise<StoredFile>
  /** Deletes a local file that was on its way and is not wanted any more; nothing happens where there is none. */
  discard(localPath: string): Promise<void>
  /** Undefined where there is no such file. */
  get(path: string): Promise<Uint8Array | undefined>
  /** Undefined where there is no such file. */
  stat(path: string): Promise<StoredFile | undefined>
  /** Files whose path begins with `prefix`, in ascending order; a prefix of a folder ends with `/`. */
  list(prefix: string): Promise<StoredFile[]>
  /** Nothing happens where there is no such file. */
  delete(path: string): Promise<void>
  /** A local file with the bytes of `path`, to be read until it is disposed of. */
  open(path: string): Promise<LocalFile>
}

export interface StoredFile {
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

export interface LocalFile extends AsyncDisposable {
  /** Absolute. */
  readonly path: string
}
