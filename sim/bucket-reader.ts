/** Looks into a bucket from outside, over no network and without copies: who reads must not change what it is given. */
import type { MemoryBucket } from '../src/memory/object-storage.ts'
import type { ObjectStorage, StoredFile } from '../src/storage/object-storage.ts'

export type FileReader = Pick<ObjectStorage, 'get' | 'stat' | 'list'>

export function bucketReader({ contents }: MemoryBucket): FileReader {
  const fileOf = (path: string): StoredFile | undefined => {
    const content = contents.get(path)
    return content && { path, bytes: content.bytes.length, modifiedMs: content.modifiedMs }
  }
  return {
    get: (path) => Promise.resolve(contents.get(path)?.bytes),
    stat: (path) => Promise.resolve(fileOf(path)),
    list: (prefix) => {
      const paths = [...contents.keys()].filter((path) => path.startsWith(prefix)).sort()
      return Promise.resolve(paths.flatMap((path) => fileOf(path) ?? []))
    },
  }
}
