/** The servers of the tests do what tests rely on: data outlives a kill, Sentinel fails over, a proxy cuts and loses. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { startKafka } from '../../servers/kafka.ts'
import { startRedis } from '../../servers/redis.ts'
import { TcpProxy } from '../../servers/tcp-proxy.ts'
import { isAlive } from '../support/is-alive.ts'
import {
  ServerDirectory,
  sharedKafka,
  sharedRedis,
  sharedRegistry,
  uniqueName,
} from '../support/servers.ts'

const ROOT = path.dirname(path.dirname(import.meta.dirname))

function kafkaClient(brokers: string): Kafka {
  const retry = { retries: 20, initialRetryTime: 50, maxRetryTime: 200 }
  return new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry })
}

async function produce(brokers: string, topic: string, value: string): Promise<void> {
  const producer = kafkaClient(brokers).producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value }] })
  await producer.disconnect()
}

async function createTopic(brokers: string, topic: string): Promise<void> {
  const admin = kafkaClient(brokers).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  await admin.disconnect()
}

async function highWatermark(brokers: string, topic: string): Promise<string | undefined> {
  const admin = kafkaClient(brokers).admin()
  await admin.connect()
  const [partition] = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  return partition?.high
}

test('one Kafka broker serves the whole run', async () => {
  const { bootstrap } = await sharedKafka()
  expect((await sharedKafka()).bootstrap).toBe(bootstrap)
  const topic = uniqueName('topic')
  await createTopic(bootstrap, topic)
  await produce(bootstrap, topic, 'a')
  expect(await highWatermark(bootstrap, topic)).toBe('1')
})

test('each asker has an empty database of its own on the shared Redis', async () => {
  const [first, second] = [await sharedRedis(), await sharedRedis()]
  const [one, two] = [new Redis(first.url), new Redis(second.url)]
  await one.set('key', 'value')
  expect([await one.dbsize(), await two.dbsize()]).toEqual([1, 0])
  one.disconnect()
  two.disconnect()
})

test('the shared registry gives ids to schemas', async () => {
  const { url } = await sharedRegistry()
  const answer = await fetch(`${url}/subjects/${uniqueName('subject')}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify({ type: 'string' }) }),
  })
  expect(await answer.json()).toEqual({ id: expect.any(Number) as number })
})

test('a user of Kafka may do what its access list says', async () => {
  using directory = new ServerDirectory()
  await using kafka = await startKafka({ directory: directory.path, secure: true })
  await createTopic(kafka.bootstrap, 'private')
  const { sasl, mutual } = kafka
  const password = 'alice-secret'
  const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
  const clients = mechanisms.map(
    (mechanism) =>
      new Kafka({
        brokers: [sasl.bootstrap],
        logLevel: logLevel.NOTHING,
        ssl: { ca: readFileSync(sasl.ca) },
        sasl: { mechanism, username: 'alice', password } as never,
      }),
  )
  const [ca, cert, key] = [mutual.ca, mutual.certificate, mutual.key].map((file) =>
    readFileSync(file),
  )
  clients.push(
    new Kafka({
      brokers: [mutual.bootstrap],
      logLevel: logLevel.NOTHING,
      ssl: { ca, cert, key },
    }),
  )
  for (const client of clients) {
    const admin = client.admin()
    await admin.connect()
    expect(await admin.listTopics()).toEqual([])
    await admin.disconnect()
  }
})

test('Redis keeps nothing over a kill, and comes back with the dump that a test puts there', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path, tls: true, acl: true })
  const node = redis.node('data1')
  await node.cli('set', 'feat:a', 'old')
  await node.dumpTo(path.join(directory.path, 'old.rdb'))
  await node.cli('set', 'feat:a', 'new')
  await node.restartFrom(path.join(directory.path, 'old.rdb'))
  expect(await node.cli('get', 'feat:a')).toBe('old')
  await node.kill()
  await node.start()
  expect(await node.cli('get', 'feat:a')).toBe('')
})

test('Sentinel makes the replica the master when the master dies', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path, mode: 'sentinel' })
  const { servers } = redis
  if (servers.kind !== 'sentinel') throw new Error('not a sentinel')
  const sentinels = servers.sentinels.map((address) => {
    const [host = '', port] = address.split(':')
    return { host, port: Number(port) }
  })
  const client = new Redis({ sentinels, name: servers.master })
  client.on('error', () => undefined)
  await client.set('a', '1')
  await client.wait(1, 1_000)
  await redis.node('data1').kill()
  expect(await client.get('a')).toBe('1')
  await client.set('a', '2')
  expect(await redis.node('data2').cli('get', 'a')).toBe('2')
  client.disconnect()
})

test('a cluster serves every slot', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path, mode: 'cluster' })
  for (const key of ['a', 'b', 'c', 'd', 'e']) await redis.node('data1').cli('-c', 'set', key, key)
  const sizes = await Promise.all(redis.nodes.map((node) => node.cli('dbsize')))
  expect(sizes.map(Number).reduce((sum, size) => sum + size)).toBe(5)
})

test('a proxy passes bytes on, holds them, delays them, loses them, cuts', async () => {
  const echo = net.createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  await using proxy = await TcpProxy.start((echo.address() as net.AddressInfo).port)
  const client = net.connect(proxy.port, '127.0.0.1')
  let got = ''
  client.on('data', (bytes) => (got += bytes.toString()))
  client.on('error', () => undefined)
  client.write('passed ')
  await expect.poll(() => got).toBe('passed ')
  proxy.hold('answers')
  client.write('held ')
  await sleep(100)
  expect(got).toBe('passed ')
  proxy.heal()
  await expect.poll(() => got).toBe('passed held ')
  const startedMs = performance.now()
  proxy.delay(100)
  client.write('delayed ')
  await expect.poll(() => got).toBe('passed held delayed ')
  expect(performance.now() - startedMs).toBeGreaterThan(190)
  proxy.heal()
  proxy.cutAfterAnswered(3)
  client.write('whole')
  await expect.poll(() => client.destroyed).toBe(true)
  expect(got).toBe('passed held delayed who')
  proxy.heal()
  const second = net.connect(proxy.port, '127.0.0.1')
  second.on('error', () => undefined)
  await once(second, 'connect')
  proxy.lose('answers')
  second.write('never answered')
  await sleep(100)
  expect(second.bytesRead).toBe(0)
  proxy.heal()
  await expect.poll(() => second.destroyed).toBe(true)
  echo.close()
})

test('what a server says before it closes passes the proxy whole', async () => {
  const page = 'x'.repeat(5_000_000)
  const listener = http.createServer((_, response) => {
    response.setHeader('connection', 'close')
    response.end(page)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  await using proxy = await TcpProxy.start((listener.address() as net.AddressInfo).port)
  const answer = await fetch(`http://${proxy.address}/`)
  expect((await answer.text()).length).toBe(page.length)
  await expect.poll(() => proxy.connections).toBe(0)
  listener.close()
})

test('a server ends with the program that started it, also when that is killed', async () => {
  using directory = new ServerDirectory()
  const program = `
    import { startRedis } from './servers/redis.ts'
    const redis = await startRedis({ directory: ${JSON.stringify(directory.path)} })
    console.log(redis.node('data1').pid)
    setInterval(() => undefined, 1000)`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  const [told] = (await once(child.stdout, 'data')) as [Buffer]
  const pid = Number(told.toString())
  expect(isAlive(pid)).toBe(true)
  child.kill('SIGKILL')
  await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false)
})
