/** Snapshots, a clock that is moved by hand, and places of files whose times follow that clock, for tests of checkpoints. */
import type { Checkpoint, CheckpointStore } from '../../src/engine/checkpoint-port.ts'
import type { Clock, StateSnapshot } from '../../src/engine/ports.ts'
import type { ObjectStorage, StoredFile } from '../../src/storage/object-storage.ts'
import { stateHead } from './state-fixtures.ts'

export const HOUR_MS = 3_600_000

/** Real time, and as much more as a test lets pass. */
export class MovedTime implements Clock {
  movedMs = 0

  wallMs(): number {
    return Date.now() + this.movedMs
  }

  monotonicMs(): number {
    return this.wallMs()
  }

  sleep(): Promise<void> {
    return Promise.resolve()
  }
}

export interface CountedSnapshot extends StateSnapshot {
  /** Names of the files that were read. */
  readonly reads: string[]
}

/** `t...` are fixed, others are not. */
export function snapshotOf(
  nextOffset: number,
  files: Readonly<Record<string, string>>,
  { lineage = 'a', generation = 1 } = {},
): CountedSnapshot {
  const reads: string[] = []
  return {
    head: { ...stateHead(nextOffset), generation },
    lineage,
    reads,
    files: Object.entries(files).map(([name, text]) => ({
      name,
      bytes: Buffer.byteLength(text),
      isFixed: name.startsWith('t'),
      read: () => {
        reads.push(name)
        return Promise.resolve(Buffer.from(text))
      },
    })),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** What a checkpoint gives back, as it was handed to `snapshotOf`. */
export async function contentOf(
  store: CheckpointStore,
  checkpoint: Checkpoint,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for await (const { name, bytes } of store.read(checkpoint)) {
    files[name] = Buffer.from(bytes).toString('utf8')
  }
  return files
}

/** Files that were written when the clock had been moved have times of that clock. `moved` is shared by all clients. */
export function timedStorage(
  storage: ObjectStorage,
  time: MovedTime,
  moved: Map<string, number>,
): ObjectStorage {
  const timed = (file: StoredFile): StoredFile => ({
    ...file,
    modifiedMs: file.modifiedMs + (moved.get(file.path) ?? 0),
  })
  return {
    location: storage.location,
    staging: () => storage.staging(),
    putIfAbsent: async (path, bytes) => {
      const won = await storage.putIfAbsent(path, bytes)
      if (won) moved.set(path, time.movedMs)
      return won
    },
    put: async (path, bytes) => {
      await storage.put(path, bytes)
      moved.set(path, time.movedMs)
    },
    moveIn: async (local, path) => {
      const stored = await storage.moveIn(local, path)
      moved.set(path, time.movedMs)
      return timed(stored)
    },
    copy: async (from, to) => {
      const stored = await storage.copy(from, to)
      moved.set(to, time.movedMs)
      return timed(stored)
    },
    discard: (local) => storage.discard(local),
    get: (path) => storage.get(path),
    stat: async (path) => {
      const found = await storage.stat(path)
      return found && timed(found)
    },
    list: async (prefix) => (await storage.list(prefix)).map(timed),
    delete: (path) => storage.delete(path),
    open: (path) => storage.open(path),
  }
}

export interface Intercepted {
  readonly storage: ObjectStorage
  /** Changes that were asked for so far. */
  readonly changes: () => number
}

/** Before and after each change of the place `at` is asked; what it throws is what the caller gets. */
export function interceptChanges(
  storage: ObjectStorage,
  at: (change: number, moment: 'before' | 'after') => void | Promise<void>,
): Intercepted {
  let changes = 0
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    const change = changes
    changes += 1
    await at(change, 'before')
    const result = await work()
    await at(change, 'after')
    return result
  }
  return {
    changes: () => changes,
    storage: {
      location: storage.location,
      staging: () => storage.staging(),
      putIfAbsent: (path, bytes) => around(() => storage.putIfAbsent(path, bytes)),
      put: (path, bytes) => around(() => storage.put(path, bytes)),
      moveIn: (local, path) => around(() => storage.moveIn(local, path)),
      copy: (from, to) => around(() => storage.copy(from, to)),
      discard: (local) => storage.discard(local),
      get: (path) => storage.get(path),
      stat: (path) => storage.stat(path),
      list: (prefix) => storage.list(prefix),
      delete: (path) => around(() => storage.delete(path)),
      open: (path) => storage.open(path),
    },
  }
}
