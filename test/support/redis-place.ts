/** A real Redis for tests of the online store, with the pipeline's definition of it, and hands of an operator on it. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { RedisDefinition } from '../../src/core/definition.ts'
import type { OnlineStore } from '../../src/engine/ports.ts'
import { leastRights } from '../../src/redis/facts.ts'
import { createRedisOnlineStore } from '../../src/redis/online-store.ts'
import type { RedisOnlineStore } from '../../src/redis/online-store.ts'
import { startRedis } from '../../servers/redis.ts'
import type { RedisMode, RedisServer } from '../../servers/redis.ts'
import type { RedisNode } from '../../servers/redis-node.ts'
import { ServerDirectory } from './servers.ts'

export const PIPELINE = 'shop'
/** Short, so that a server that hangs is found out within the patience of a test. */
export const TIMEOUTS = { connectMs: 1_000, commandMs: 1_000 } as const

interface PlaceOptions {
  readonly mode?: RedisMode
  readonly tls?: boolean
  /** A user with exactly the least rights. */
  readonly leastRights?: boolean
  readonly prefix?: string
  readonly settings?: Readonly<Record<string, string>>
}

export class RedisPlace implements AsyncDisposable {
  readonly server: RedisServer
  readonly definition: RedisDefinition
  readonly #directory: ServerDirectory
  readonly #raw = new Map<RedisNode, Redis>()

  static async start(options: PlaceOptions = {}): Promise<RedisPlace> {
    const directory = new ServerDirectory()
    const { mode = 'standalone', tls = false, settings = {}, leastRights: isBare = false } = options
    try {
      const server = await startRedis({
        directory: directory.path,
        mode,
        tls,
        acl: isBare,
        settings,
      })
      const definition: RedisDefinition = {
        kind: 'redis',
        servers:
          server.servers.kind === 'standalone'
            ? { kind: 'standalone', url: withoutUser(server.servers.url) }
            : server.servers,
        prefix: options.prefix ?? 'test:',
        ...(tls && { tls: { ca: server.ca } }),
        ...(isBare && { username: 'bare', password: 'bare-secret' }),
      }
      const place = new RedisPlace(server, definition, directory)
      if (isBare) await place.#makeUser()
      return place
    } catch (error) {
      directory[Symbol.dispose]()
      throw error
    }
  }

  private constructor(
    server: RedisServer,
    definition: RedisDefinition,
    directory: ServerDirectory,
  ) {
    this.server = server
    this.definition = definition
    this.#directory = directory
  }

  open(): RedisOnlineStore {
    return createRedisOnlineStore(this.definition, { pipeline: PIPELINE, timeouts: TIMEOUTS })
  }

  /** One that has been met, as the engine meets it: its incarnation is known. */
  async openMet(): Promise<OnlineStore> {
    const store = this.open()
    await store.marker(0)
    return store
  }

  get data(): readonly RedisNode[] {
    return this.server.nodes.filter(({ name }) => name.startsWith('data'))
  }

  node(name: string): RedisNode {
    return this.server.node(name)
  }

  async flush(): Promise<void> {
    const masters = this.definition.servers.kind === 'sentinel' ? this.data.slice(0, 1) : this.data
    await Promise.all(masters.map((node) => this.raw(node).flushall()))
  }

  /** A client of the operator's, as admin; closed with the place. */
  raw(node: RedisNode): Redis {
    const known = this.#raw.get(node)
    if (known) return known
    const { tls } = this.definition
    const client = new Redis(node.url, {
      ...(tls?.ca !== undefined && { tls: { ca: readFileSync(tls.ca, 'utf8') } }),
      retryStrategy: () => 50,
      maxRetriesPerRequest: 20,
    })
    client.on('error', () => undefined)
    this.#raw.set(node, client)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#raw.values()) client.disconnect()
    await this.server.stop()
    this.#directory[Symbol.dispose]()
  }

  /** By the very line that `tidemark doctor` prints. */
  async #makeUser(): Promise<void> {
    const line = leastRights(this.definition, PIPELINE).replace('PASSWORD', 'bare-secret')
    const words = (line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []).map((word) =>
      word.startsWith('"') ? (JSON.parse(word) as string) : word,
    )
    for (const node of this.data) {
      const answer = await node.cli(...words)
      if (answer !== 'OK') throw new Error(`${line}: ${answer}`)
    }
  }
}

/** A client of an operator, for one test: `using raw = rawClient(url)`. */
export function rawClient(url: string): Redis & Disposable {
  const client = new Redis(url, { lazyConnect: true })
  return Object.assign(client, { [Symbol.dispose]: () => client.disconnect() })
}

/** As the engine does: what can be tried again is. */
export async function retried<T>(effect: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + 10_000
  for (;;) {
    try {
      return await effect()
    } catch (error) {
      const isRetryable = (error as { retryable?: boolean }).retryable === true
      if (!isRetryable || performance.now() > untilMs) throw error
      await sleep(50)
    }
  }
}

function withoutUser(url: string): string {
  return url.replace(/\/\/.*@/, '//')
}
