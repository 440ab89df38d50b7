/** A place of files over the network of one process: which durable effect each change of a file is, by its path. */
import { MemoryObjectStorage, type MemoryBucket } from '../src/memory/object-storage.ts'
import type { ObjectStorage } from '../src/storage/object-storage.ts'
import type { StorageFaults } from '../src/storage/failure.ts'
import { wrap } from '../test/support/crash.ts'
import type { Coverage } from './coverage.ts'
import type { Place } from './effect.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'

export interface BucketClientParts {
  readonly bucket: MemoryBucket
  readonly machine: Machine
  readonly network: Network
  readonly nowMs: () => number
  readonly faults: StorageFaults
  readonly place: Place
  readonly nameOf: (path: string) => string
  readonly coverage: Coverage
}

export function bucketClient(parts: BucketClientParts): ObjectStorage {
  const { bucket, machine, network, nowMs, faults, place, nameOf, coverage } = parts
  const storage = new MemoryObjectStorage({ bucket, files: machine.files, nowMs, faults })
  const change = <T>(path: string, act: () => Promise<T>): Promise<T> =>
    network.call({ place, name: nameOf(path), isDurable: true, detail: path }, act)
  const ask = <T>(name: string, path: string, act: () => Promise<T>): Promise<T> =>
    network.call({ place, name, isDurable: false, detail: path }, act)
  return wrap<ObjectStorage>(storage, {
    putIfAbsent: (path, bytes) =>
      change(path, async () => {
        const isFirst = await storage.putIfAbsent(path, bytes)
        if (!isFirst) coverage.hit(`path ${nameOf(path)} was there already`)
        return isFirst
      }),
    put: (path, bytes) => change(path, () => storage.put(path, bytes)),
    moveIn: (localPath, path) => change(path, () => storage.moveIn(localPath, path)),
    copy: (from, to) => change(to, () => storage.copy(from, to)),
    get: (path) => ask('get', path, () => storage.get(path)),
    stat: (path) => ask('stat', path, () => storage.stat(path)),
    list: (prefix) => ask('list', prefix, () => storage.list(prefix)),
    delete: (path) =>
      network.call(
        {
          place,
          name: `${place === 'tables' ? 'table' : 'checkpoint'} delete`,
          isDurable: true,
          detail: path,
        },
        () => storage.delete(path),
      ),
    open: (path) => ask('open', path, () => storage.open(path)),
  })
}

export function checkpointEffect(path: string): string {
  if (path.includes('/writing/')) return 'checkpoint writer'
  if (path.includes('/checkpoints/')) return 'checkpoint manifest'
  return path.includes('/retired/') ? 'checkpoint retired' : 'checkpoint file'
}

/** What a replay, a publish or a rollback does to the place of the tables. */
export function replayEffect(path: string): string {
  if (path.startsWith('_tidemark/plans/')) {
    if (path.endsWith('/plan.json')) return 'replay plan'
    return path.endsWith('/result.json') ? 'replay result' : 'audit entry'
  }
  if (path.startsWith('_tidemark/replays/'))
    return path.includes('/_delta_log/') ? 'staged transaction' : 'staged file'
  switch (tableEffect(path)) {
    case 'generation record':
      return 'published generation'
    case 'table file':
      return 'swap copy'
    case 'table transaction':
      return 'swap transaction'
    default:
      return tableEffect(path)
  }
}

export function tableEffect(path: string): string {
  if (path.startsWith('_tidemark/states/'))
    return path.startsWith('_tidemark/states/replaced/') ? 'kept state' : 'sealed state'
  if (path.startsWith('_tidemark/generations/')) return 'generation record'
  if (path.startsWith('_tidemark/amendments/')) return 'amended records'
  if (path.startsWith('_tidemark/')) return 'place identity'
  if (path.endsWith('.checkpoint.parquet')) return 'table checkpoint'
  if (path.endsWith('_last_checkpoint')) return 'table pointer'
  return path.includes('/_delta_log/') ? 'table transaction' : 'table file'
}
