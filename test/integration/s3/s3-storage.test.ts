/** A bucket on a real server as a place of files: the conformance suite, and what it does with large and empty ones. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHECKPOINT_FAULTS } from '../../../src/checkpoint/failure.ts'
import { S3Storage } from '../../../src/s3/s3-storage.ts'
import type { StorageFaults } from '../../../src/storage/failure.ts'
import { TABLE_FAULTS } from '../../../src/table/failure.ts'
import { s3Obstacle } from '../../../servers/s3.ts'
import { describeCheckpointStore } from '../../conformance/checkpoint-store.ts'
import { describeObjectStorage } from '../../conformance/object-storage.ts'
import type { StorageFixture } from '../../conformance/object-storage.ts'
import { locationIn, newBucket } from '../../support/bucket.ts'

const obstacle = await s3Obstacle()

describe.skipIf(obstacle !== undefined)(`S3 ${obstacle ?? ''}`, () => {
  let workspace: string

  beforeAll(async () => {
    workspace = await mkdtemp(join(tmpdir(), 'tidemark-s3-test-'))
  })

  afterAll(() => rm(workspace, { recursive: true }))

  async function twoClients(faults: StorageFaults): Promise<StorageFixture> {
    const place = locationIn(await newBucket(), 'a/prefix')
    const clients = [
      new S3Storage(place, { faults, workspace }),
      new S3Storage(place, { faults, workspace }),
    ] as const
    return {
      clients,
      [Symbol.asyncDispose]: async () => {
        for (const client of clients) await client[Symbol.asyncDispose]()
      },
    }
  }

  describeObjectStorage('a bucket', () => twoClients(TABLE_FAULTS))
  describeCheckpointStore('a bucket', () => twoClients(CHECKPOINT_FAULTS))

  test('files of any size arrive byte for byte, in parts where they are large', async () => {
    const bucket = await newBucket()
    const partBytes = 5 * 2 ** 20
    await using storage = new S3Storage(locationIn(bucket), {
      faults: TABLE_FAULTS,
      workspace,
      partBytes,
    })
    for (const bytes of [0, 1, partBytes, partBytes + 1, 3 * partBytes + 17]) {
      const content = randomBytes(bytes)
      const local = join(await storage.staging(), 'file.tmp')
      await writeFile(local, content)
      const path = `sizes/${bytes}`
      expect(await storage.moveIn(local, path)).toMatchObject({ path, bytes })
      expect(await storage.stat(path)).toMatchObject({ bytes })
      expect(Buffer.from((await storage.get(path)) ?? '').equals(content)).toBe(true)
      await using opened = await storage.open(path)
      expect((await readFile(opened.path)).equals(content)).toBe(true)
      expect((await readFile(join(bucket.directory, 'features', path))).equals(content)).toBe(true)
    }
    await storage.put('empty', new Uint8Array())
    expect(await storage.get('empty')).toHaveLength(0)
  })

  test('a long list is whole and in order, without what belongs to others', async () => {
    const bucket = await newBucket()
    await using storage = new S3Storage(locationIn(bucket), { faults: TABLE_FAULTS, workspace })
    await using beside = new S3Storage(locationIn(bucket, 'features-2'), {
      faults: TABLE_FAULTS,
      workspace,
    })
    await beside.put('t/other', Buffer.from('x'))
    mkdirSync(join(bucket.directory, 'features', 't'), { recursive: true })
    const names = Array.from({ length: 1205 }, (_, i) => `t/${String(i).padStart(5, '0')}`)
    await Promise.all(names.map((name) => writeFile(join(bucket.directory, 'features', name), 'x')))
    expect((await storage.list('t/')).map(({ path }) => path)).toEqual(names)
    expect(await storage.list('')).toHaveLength(names.length)
  })

  test('an opened file keeps its name and folders, from which readers take the day, until it is closed', async () => {
    await using storage = new S3Storage(locationIn(await newBucket()), {
      faults: TABLE_FAULTS,
      workspace,
    })
    await storage.put('t/ds=2001-01-05/part.parquet', Buffer.from('rows'))
    const opened = await storage.open('t/ds=2001-01-05/part.parquet')
    expect(opened.path).toMatch(/\/t\/ds=2001-01-05\/part\.parquet$/)
    await opened[Symbol.asyncDispose]()
    expect(await readdir(await storage.staging())).toEqual([])
  })

  test('local files go with the storage, and those of processes that were killed after a day', async () => {
    const shared = join(workspace, 'shared')
    const options = { faults: TABLE_FAULTS, workspace: shared }
    const bucket = await newBucket()
    for (const name of ['killed-long-ago', 'in-use'])
      mkdirSync(join(shared, name), { recursive: true })
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000)
    await utimes(join(shared, 'killed-long-ago'), twoDaysAgo, twoDaysAgo)
    {
      await using storage = new S3Storage(locationIn(bucket), options)
      await writeFile(join(await storage.staging(), 'half.tmp'), 'x')
      expect(await readdir(shared)).toHaveLength(2)
    }
    expect(await readdir(shared)).toEqual(['in-use'])
  })
})
