/** A bucket behind a network that cuts, holds and loses: what is lost, what is told, and how long it takes. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { S3Location } from '../../../src/s3/bucket.ts'
import { S3Storage } from '../../../src/s3/s3-storage.ts'
import { TABLE_FAULTS } from '../../../src/table/failure.ts'
import { s3Obstacle, startS3 } from '../../../servers/s3.ts'
import { TcpProxy } from '../../../servers/tcp-proxy.ts'
import { locationIn, newBucket, useKeys } from '../../support/bucket.ts'
import { ServerDirectory } from '../../support/servers.ts'

const obstacle = await s3Obstacle()
const TIMEOUTS = { connectMs: 500, silenceMs: 700, attempts: 3 }
/** The server ends a connection after a refusal, so attempts whose answers are lost follow fast. */
const PATIENT = { ...TIMEOUTS, attempts: 8 }

describe.skipIf(obstacle !== undefined)(`S3 behind faults ${obstacle ?? ''}`, () => {
  let workspace: string

  beforeAll(async () => {
    workspace = await mkdtemp(join(tmpdir(), 'tidemark-s3-test-'))
  })

  afterAll(() => rm(workspace, { recursive: true }))

  function open(place: S3Location, timeouts = TIMEOUTS): S3Storage {
    return new S3Storage(place, {
      faults: TABLE_FAULTS,
      workspace,
      timeouts,
      partBytes: 5 * 2 ** 20,
    })
  }

  async function behindProxy(
    timeouts = TIMEOUTS,
  ): Promise<{ proxy: TcpProxy; near: S3Storage; far: S3Storage }> {
    const bucket = await newBucket()
    const proxy = await TcpProxy.start(Number(new URL(bucket.endpoint).port))
    const place = locationIn(bucket)
    const far = open({ ...place, endpoint: `http://${proxy.address}` }, timeouts)
    // The trial of the server is behind us.
    await far.putIfAbsent('before', Buffer.from('x'))
    return { proxy, near: open(place), far }
  }

  test('a winner whose answer was lost is told that it won, and a loser that it lost', async () => {
    const { proxy, near, far } = await behindProxy(PATIENT)
    proxy.lose('answers')
    const first = far.putIfAbsent('0.json', Buffer.from('mine'))
    await expect.poll(() => near.get('0.json')).toEqual(Buffer.from('mine'))
    proxy.heal()
    expect(await first).toBe(true)
    expect(await near.putIfAbsent('0.json', Buffer.from('mine'))).toBe(false)

    await near.putIfAbsent('1.json', Buffer.from('theirs'))
    proxy.lose('answers')
    const second = far.putIfAbsent('1.json', Buffer.from('mine'))
    await sleep(200)
    proxy.heal()
    expect(await second).toBe(false)
    expect(await near.get('1.json')).toEqual(Buffer.from('theirs'))
    await proxy.stop()
  })

  test('a server that hangs is given up in bounded time, and a retry can help', async () => {
    const { proxy, far } = await behindProxy()
    proxy.hold('both')
    const startedMs = performance.now()
    const local = join(await far.staging(), 'held.tmp')
    await writeFile(local, 'rows')
    const calls = [
      far.get('before'),
      far.putIfAbsent('1', Buffer.from('x')),
      far.list(''),
      far.moveIn(local, '2'),
    ]
    for (const each of await Promise.allSettled(calls)) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: { code: 'TABLE_UNAVAILABLE', retryable: true },
      })
    }
    expect(performance.now() - startedMs).toBeLessThan(8000)
    expect(await readFile(local, 'utf8')).toBe('rows')
    proxy.heal()
    expect(await far.moveIn(local, '2')).toMatchObject({ bytes: 4 })
    await proxy.stop()
  })

  test('a connection that is cut in the middle of an upload or a download costs nothing', async () => {
    const { proxy, near, far } = await behindProxy(PATIENT)
    const content = randomBytes(17 * 2 ** 20)
    const local = join(await far.staging(), 'large.tmp')
    await writeFile(local, content)
    const upload = far.moveIn(local, 'large')
    for (let cut = 0; cut < 3; cut += 1) {
      await sleep(15)
      proxy.cut()
    }
    await upload
    expect(Buffer.from((await near.get('large')) ?? '').equals(content)).toBe(true)
    proxy.cutAfterAnswered(3 * 2 ** 20)
    const healed = sleep(100).then(() => proxy.heal())
    await using opened = await far.open('large')
    expect((await readFile(opened.path)).equals(content)).toBe(true)
    await healed
    await proxy.stop()
  })

  test('a server that is killed and comes back is used again', async () => {
    using directory = new ServerDirectory()
    await using s3 = await startS3({ directory: directory.path, buckets: ['features'] })
    useKeys(s3.accessKey, s3.secretKey)
    const bucket = { ...s3, bucket: 'features', directory: s3.root }
    await using storage = open(locationIn(bucket))
    await storage.putIfAbsent('t/0', Buffer.from('kept'))
    await s3.node.kill()
    await expect(storage.get('t/0')).rejects.toMatchObject({ code: 'TABLE_UNAVAILABLE' })
    await s3.node.start()
    expect(await storage.putIfAbsent('t/0', Buffer.from('lost'))).toBe(false)
    expect(await storage.get('t/0')).toEqual(Buffer.from('kept'))
  })

  test('keys and buckets that are wrong are refused in words, without the keys', async () => {
    const bucket = await newBucket()
    const { accessKey, secretKey } = bucket
    const missing = open(locationIn({ ...bucket, bucket: 'no-such-bucket' }))
    for (const call of [
      () => missing.putIfAbsent('0', Buffer.from('x')),
      () => missing.put('0', Buffer.from('x')),
      () => missing.get('0'),
      () => missing.list(''),
      () => missing.open('0'),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'TABLE_REFUSED',
        message: expect.stringContaining('there is no bucket no-such-bucket; make it') as string,
      })
    }
    useKeys(accessKey, 'a-wrong-secret')
    await refused(open(locationIn(bucket)), 'check AWS_SECRET_ACCESS_KEY')
    useKeys('NOBODYSKEY', secretKey)
    await refused(open(locationIn(bucket)), 'No user exists with the provided access key')
    // Not "there is no such file", after which a table would be made anew.
    await expect(open(locationIn(bucket)).get('0')).rejects.toMatchObject({ code: 'TABLE_REFUSED' })
    useKeys(accessKey, secretKey)
  })

  async function refused(storage: S3Storage, words: string): Promise<void> {
    const told = await storage.tryOut().then(String, String)
    expect(told).toContain('TABLE_REFUSED')
    expect(told).toContain(words)
    expect(told).not.toMatch(/a-wrong-secret|s3-test-secret|NOBODYSKEY/)
  }
})
