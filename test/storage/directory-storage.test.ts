import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tableFailure } from '../../src/table/failure.ts'
import { DirectoryStorage } from '../../src/storage/directory-storage.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { describeObjectStorage } from '../conformance/object-storage.ts'

describeObjectStorage('a local directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-local-'))
  return {
    clients: [
      new DirectoryStorage(directory, TABLE_FAULTS),
      new DirectoryStorage(directory, TABLE_FAULTS),
    ],
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
})

test('nothing is left in the staging folder, whoever won', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-local-'))
  const storage = new DirectoryStorage(directory, TABLE_FAULTS)
  await storage.putIfAbsent('a', Buffer.from('1'))
  await storage.putIfAbsent('a', Buffer.from('2'))
  await storage.put('a', Buffer.from('3'))
  expect(await readdir(await storage.staging())).toEqual([])
  await rm(directory, { recursive: true })
})

test('a file where a directory is needed is TABLE_REFUSED, never a lost race', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-local-'))
  const storage = new DirectoryStorage(directory, TABLE_FAULTS)
  await writeFile(join(directory, 'features'), 'a file')
  for (const path of ['features/0.json', 'features/_delta_log/0.json']) {
    await expect(storage.putIfAbsent(path, Buffer.from('1'))).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining('a file stands where a directory is needed') as string,
    })
  }
  await rm(directory, { recursive: true })
})

test.each([
  ['ENOSPC', 'TABLE_REFUSED', 'the disk is full'],
  ['EDQUOT', 'TABLE_REFUSED', 'quota'],
  ['EACCES', 'TABLE_REFUSED', 'check owner and mode'],
  ['EROFS', 'TABLE_REFUSED', 'mounted read-only'],
  ['EIO', 'TABLE_UNAVAILABLE', 'tried again'],
  ['ESTALE', 'TABLE_UNAVAILABLE', 'tried again'],
])('%s of the system becomes %s and says "%s"', (code, expected, words) => {
  const cause = Object.assign(new Error(`${code}: something, open '/data/x'`), { code })
  const failure = tableFailure('table /data: cannot write x', cause)
  expect(failure.code).toBe(expected)
  expect(failure.message).toContain('table /data: cannot write x')
  expect(failure.message).toContain(words)
  expect(failure.message).toContain(cause.message)
})

test('what DuckDB reports as text is told apart in the same way', () => {
  const full = new Error('IO Error: Could not write all bytes to file "x": No space left on device')
  expect(tableFailure('x', full).code).toBe('TABLE_REFUSED')
  const denied = new Error('IO Error: Cannot open file "x": Permission denied')
  expect(tableFailure('x', denied).code).toBe('TABLE_REFUSED')
  expect(tableFailure('x', new Error('Out of Memory Error: ...')).code).toBe('TABLE_REFUSED')
})
