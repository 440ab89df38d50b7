/** What every place for tables and checkpoints must do, as a suite over a factory. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ObjectStorage } from '../../src/storage/object-storage.ts'

export interface StorageFixture extends AsyncDisposable {
  /** Two clients of one empty place, as two processes would have them. */
  readonly clients: readonly [ObjectStorage, ObjectStorage]
  /** Where the clients' local files are; the file system unless given. */
  readonly local?: LocalFiles
}

interface LocalFiles {
  write(path: string, content: string): Promise<void>
  /** @throws ENOENT */
  read(path: string): Promise<string>
}

const FILE_SYSTEM: LocalFiles = {
  write: (path, content) => writeFile(path, content),
  read: (path) => readFile(path, 'utf8'),
}

function text(content: string): Uint8Array {
  return Buffer.from(content)
}

export function describeObjectStorage(name: string, create: () => Promise<StorageFixture>): void {
  describe(`object storage: ${name}`, () => {
    let fixture: StorageFixture
    let storage: ObjectStorage
    let other: ObjectStorage
    let local: LocalFiles

    beforeEach(async () => {
      fixture = await create()
      ;[storage, other] = fixture.clients
      local = fixture.local ?? FILE_SYSTEM
    })

    afterEach(async () => {
      await fixture[Symbol.asyncDispose]()
    })

    async function contentOf(path: string): Promise<string | undefined> {
      const bytes = await other.get(path)
      return bytes && Buffer.from(bytes).toString('utf8')
    }

    test('of many writers of one path exactly one wins, and its bytes stay', async () => {
      const contenders = Array.from({ length: 24 }, (_, i) => ({
        client: i % 2 === 0 ? storage : other,
        content: `writer ${i}`,
      }))
      const won = await Promise.all(
        contenders.map(({ client, content }) => client.putIfAbsent('t/_log/0.json', text(content))),
      )
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await contentOf('t/_log/0.json')).toBe(contenders[won.indexOf(true)]?.content)
      expect(await storage.putIfAbsent('t/_log/0.json', text('later'))).toBe(false)
    })

    test('a put replaces the whole file', async () => {
      await storage.put('t/pointer', text('a long first content'))
      await other.put('t/pointer', text('short'))
      expect(await contentOf('t/pointer')).toBe('short')
    })

    test('a local file moves in under its name and is gone from where it was', async () => {
      const path = join(await storage.staging(), 'part.tmp')
      await local.write(path, 'rows')
      const stored = await storage.moveIn(path, 't/ds=2001-01-05/part.parquet')
      expect(stored).toMatchObject({ path: 't/ds=2001-01-05/part.parquet', bytes: 4 })
      expect(await contentOf('t/ds=2001-01-05/part.parquet')).toBe('rows')
      await expect(local.read(path)).rejects.toMatchObject({ code: 'ENOENT' })
    })

    test('a copy has the bytes of its source, which stays', async () => {
      await storage.put('t/source', text('rows'))
      const copied = await storage.copy('t/source', 't/ds=2001-01-05/part copy+1.parquet')
      expect(copied).toMatchObject({ path: 't/ds=2001-01-05/part copy+1.parquet', bytes: 4 })
      expect(await other.stat(copied.path)).toMatchObject({ bytes: 4 })
      await other.delete('t/source')
      expect(await contentOf(copied.path)).toBe('rows')
      await expect(storage.copy('t/source', 't/other')).rejects.toMatchObject({
        name: 'TidemarkError',
      })
      expect(await other.stat('t/other')).toBeUndefined()
    })

    test('what is not there reads as undefined, and deleting it is no error', async () => {
      expect(await storage.get('t/none')).toBeUndefined()
      expect(await storage.stat('t/none')).toBeUndefined()
      expect(await storage.list('t/none/')).toEqual([])
      await storage.delete('t/none')
      await expect(storage.open('t/none')).rejects.toMatchObject({ name: 'TidemarkError' })
    })

    test('a list has the files below a prefix in ascending order, with size and time', async () => {
      const before = Date.now() - 10_000
      for (const path of ['t/b', 't/a/2', 't/a/10', 't/ab', 'u/a'])
        await storage.put(path, text(path))
      const listed = await other.list('t/a')
      expect(listed.map((file) => file.path)).toEqual(['t/a/10', 't/a/2', 't/ab'])
      expect((await other.list('t/a/')).map((file) => file.path)).toEqual(['t/a/10', 't/a/2'])
      for (const file of listed) {
        expect(file.bytes).toBe(file.path.length)
        expect(file.modifiedMs).toBeGreaterThan(before)
        expect(await other.stat(file.path)).toEqual(file)
      }
    })

    test('an opened file can be read locally', async () => {
      await storage.put('t/x', text('bytes'))
      await using file = await other.open('t/x')
      expect(await local.read(file.path)).toBe('bytes')
    })

    test('a deleted path can be taken again', async () => {
      await storage.put('t/x', text('1'))
      await storage.delete('t/x')
      expect(await contentOf('t/x')).toBeUndefined()
      expect(await other.putIfAbsent('t/x', text('2'))).toBe(true)
    })

    test('a path that leaves the place is a bug, not a file', () => {
      expect(() => storage.get('../outside')).toThrow('invariant broken')
      expect(() => storage.get('/etc/hosts')).toThrow('invariant broken')
    })
  })
}
