import { expect, test } from 'vitest'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { describeObjectStorage } from '../conformance/object-storage.ts'

function clientsOf(files: MemoryFiles): [MemoryObjectStorage, MemoryObjectStorage] {
  const options = { bucket: new MemoryBucket(), files, nowMs: Date.now, faults: TABLE_FAULTS }
  return [new MemoryObjectStorage(options), new MemoryObjectStorage(options)]
}

describeObjectStorage('in memory', async () => {
  const files = new MemoryFiles()
  return {
    clients: clientsOf(files),
    local: {
      write: async (path, content) => files.write(path, Buffer.from(content)),
      read: async (path) => Buffer.from(files.read(path)).toString('utf8'),
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})

test('a file keeps its bytes whatever its writer and its readers do with theirs', async () => {
  const [storage] = clientsOf(new MemoryFiles())
  const bytes = Uint8Array.from([1, 2, 3])
  await storage.put('x', bytes)
  bytes[0] = 9
  const read = await storage.get('x')
  read?.fill(0)
  expect(await storage.get('x')).toEqual(Uint8Array.from([1, 2, 3]))
})

test('an opened file is gone from the machine when it is disposed of, and stays in the bucket', async () => {
  const files = new MemoryFiles()
  const [storage] = clientsOf(files)
  await storage.put('x', Uint8Array.of(1))
  const [first, second] = [await storage.open('x'), await storage.open('x')]
  await first[Symbol.asyncDispose]()
  expect(() => files.read(first.path)).toThrow('ENOENT')
  expect(files.read(second.path)).toEqual(Uint8Array.of(1))
  expect(await storage.stat('x')).toMatchObject({ bytes: 1 })
})
