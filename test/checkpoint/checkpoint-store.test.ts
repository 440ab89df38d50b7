/** The suite of checkpoint stores over a directory and over memory; over buckets it runs with the other tests of S3. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHECKPOINT_FAULTS } from '../../src/checkpoint/failure.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { DirectoryStorage } from '../../src/storage/directory-storage.ts'
import { describeCheckpointStore } from '../conformance/checkpoint-store.ts'

describeCheckpointStore('a directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-checkpoints-'))
  return {
    clients: [
      new DirectoryStorage(directory, CHECKPOINT_FAULTS),
      new DirectoryStorage(directory, CHECKPOINT_FAULTS),
    ],
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
})

describeCheckpointStore('memory', async () => {
  const options = {
    bucket: new MemoryBucket(),
    files: new MemoryFiles(),
    nowMs: Date.now,
    faults: CHECKPOINT_FAULTS,
  }
  return {
    clients: [new MemoryObjectStorage(options), new MemoryObjectStorage(options)],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})
