/** What every place for tables must do, as a suite over a factory: run for directories, and for buckets to come. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TableStorage } from '../../src/table/storage.ts'

export interface StorageFixture extends AsyncDisposable {
  /** Two clients of one empty place, as two processes would have them. */
  readonly clients: readonly [TableStorage, TableStorage]
}

function text(content: string): Uint8Array {
  return Buffer.from(content)
}

export function describeTableStorage(name: string, create: () => Promise<StorageFixture>): void {
  describe(`table storage: ${name}`, () => {
    let fixture: StorageFixture
    let storage: TableStorage
    let other: TableStorage
    let local: string

    beforeEach(async () => {
      fixture = await create()
      ;[storage, other] = fixture.clients
      local = await mkdtemp(join(tmpdir(), 'tidemark-storage-'))
    })

    afterEach(async () => {
      await fixture[Symbol.asyncDispose]()
      await rm(local, { recursive: true, force: true })
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
      await writeFile(path, 'rows')
      const stored = await storage.moveIn(path, 't/ds=2001-01-05/part.parquet')
      expect(stored).toMatchObject({ path: 't/ds=2001-01-05/part.parquet', bytes: 4 })
      expect(await contentOf('t/ds=2001-01-05/part.parquet')).toBe('rows')
      await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' })
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
      expect(await readFile(file.path, 'utf8')).toBe('bytes')
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
