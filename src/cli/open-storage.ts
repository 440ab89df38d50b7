/** Places of files: from where the pipeline file says they are to what reads and writes them. */
import type { Pipeline, StorageLocation } from '../core/definition.ts'
import type { S3Location } from '../s3/bucket.ts'
import type { S3Storage, S3StorageOptions } from '../s3/s3-storage.ts'
import { DirectoryStorage } from '../storage/directory-storage.ts'
import type { StorageFaults } from '../storage/failure.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { scratchPlace } from './scratch.ts'

export type OpenStorage = ObjectStorage & AsyncDisposable

export async function openStorage(
  { state }: Pick<Pipeline, 'state'>,
  location: StorageLocation,
  faults: StorageFaults,
): Promise<OpenStorage> {
  return location.kind === 'directory'
    ? new DirectoryStorage(location.directory, faults)
    : openBucket(state, location, { faults })
}

export async function openBucket(
  state: string,
  location: S3Location,
  options: Pick<S3StorageOptions, 'faults' | 'timeouts'>,
): Promise<S3Storage> {
  // Loaded when it is needed: the SDK takes longer than the rest of a command's start.
  const { S3Storage } = await import('../s3/s3-storage.ts')
  return new S3Storage(location, { ...options, workspace: scratchPlace({ state }, 's3') })
}
