/**
 * Runs in vitest's own process: builds the command line, starts each shared server when the first test asks for it over a local port,
 * and stops them after the last test.
 */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { TestProject } from 'vitest/node'
import { startKafka } from '../../servers/kafka.ts'
import { startRedis } from '../../servers/redis.ts'
import { startRegistry } from '../../servers/registry.ts'
import { startS3 } from '../../servers/s3.ts'
import type { S3Server } from '../../servers/s3.ts'
import { builtCli } from './built-cli.ts'

/** So many tests of a run may ask for a database. */
const DATABASES = 10_000

const WAKE_WITHIN_MS = 20_000
const WAKE_AGAIN_MS = 100

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Building holds a process up for seconds: no test is to meet it amid its timeouts.
  builtCli()
  const directory = await mkdtemp(path.join(os.tmpdir(), 'tidemark-shared-'))
  const shared = new SharedServers(directory)
  const listener = http.createServer((request, response) => {
    shared.address((request.url ?? '/').slice(1)).then(
      (address) => response.end(address),
      (error: unknown) => {
        response.statusCode = 500
        response.end(error instanceof Error ? error.message : String(error))
      },
    )
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  project.provide('sharedServers', `http://127.0.0.1:${port}`)
  return async () => {
    listener.close()
    listener.closeAllConnections()
    await shared.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

class SharedServers {
  readonly #directory: string
  readonly #started = new Map<string, Promise<string>>()
  #s3: Promise<S3Server> | undefined
  #buckets = 0
  readonly #servers: { stop: () => Promise<void> }[] = []
  #databases = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  async address(server: string): Promise<string> {
    if (server === 'kafka') return this.#once(server, () => this.#kafka())
    if (server === 'registry') return this.#once(server, () => this.#registry())
    if (server === 's3') return this.#newBucket()
    if (server !== 'redis') throw new Error(`there is no shared ${server}`)
    const url = await this.#once(server, () => this.#redis())
    this.#databases += 1
    return `${url}/${this.#databases}`
  }

  async #newBucket(): Promise<string> {
    this.#s3 ??= startS3({ directory: path.join(this.#directory, 's3') })
    const { endpoint, accessKey, secretKey, root, makeBucket } = await this.#s3
    this.#buckets += 1
    const bucket = `bucket-${this.#buckets}`
    makeBucket(bucket)
    const directory = path.join(root, bucket)
    return JSON.stringify({ endpoint, bucket, accessKey, secretKey, directory })
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#started.values())
    await this.#s3?.then((s3) => s3.stop()).catch(() => undefined)
    await Promise.all(this.#servers.map((server) => server.stop()))
  }

  #once(server: string, start: () => Promise<string>): Promise<string> {
    const started = this.#started.get(server) ?? start()
    this.#started.set(server, started)
    return started
  }

  async #kafka(): Promise<string> {
    const kafka = await startKafka({ directory: path.join(this.#directory, 'kafka') })
    this.#servers.push(kafka)
    await wakeCoordinators(kafka.bootstrap)
    return kafka.bootstrap
  }

  async #redis(): Promise<string> {
    const settings = { databases: String(DATABASES) }
    const redis = await startRedis({ directory: path.join(this.#directory, 'redis'), settings })
    this.#servers.push(redis)
    return redis.url
  }

  async #registry(): Promise<string> {
    const registry = await startRegistry({ directory: path.join(this.#directory, 'registry') })
    this.#servers.push(registry)
    return registry.url
  }
}

/** The first group and the first transaction of a broker meet coordinators that are not there yet: that is done here. */
async function wakeCoordinators(bootstrap: string): Promise<void> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'wake', numPartitions: 1 }] })
  await admin.disconnect()
  const deadlineMs = performance.now() + WAKE_WITHIN_MS
  for (;;) {
    try {
      await useCoordinators(kafka)
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await sleep(WAKE_AGAIN_MS)
    }
  }
}

async function useCoordinators(kafka: Kafka): Promise<void> {
  const producer = kafka.producer({ transactionalId: 'wake', maxInFlightRequests: 1 })
  try {
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'wake', messages: [{ value: 'wake' }] })
    const partitions = [{ partition: 0, offset: '1' }]
    await transaction.sendOffsets({
      consumerGroupId: 'wake',
      topics: [{ topic: 'wake', partitions }],
    })
    await transaction.commit()
  } finally {
    await producer.disconnect()
  }
}
