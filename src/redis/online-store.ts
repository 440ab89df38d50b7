/**
 * The online store in Redis: the adapter of `OnlineStore` for a single server, Sentinel and Cluster. Values are hashes in the
 * plain layout (`layout.ts`), written by one script that compares versions (`scripts.ts`).
 *
 * Connects when it is first asked. Nothing is retried here but what a Cluster's moving slots ask for: trouble is thrown, and
 * the caller tries again, which is safe.
 */
import type { RedisDefinition } from '../core/definition.ts'
import type {
  ExpectedMarker,
  Marker,
  MarkerAdvance,
  OnlineStore,
  OnlineValue,
  OnlineWriteResult,
} from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { TIMEOUTS } from './connection.ts'
import type { RedisTimeouts } from './connection.ts'
import { Layout } from './layout.ts'
import { advanceMarkers, forgetMarkers, readMarkers } from './markers.ts'
import { openServers } from './open-servers.ts'
import { readValues } from './read.ts'
import { textOf } from './reply.ts'
import type { RedisServers } from './servers.ts'
import { walkPage } from './walk.ts'
import type { WalkPage } from './walk.ts'
import { writeValues } from './write.ts'

export interface RedisStoreOptions {
  /** The pipeline's name. */
  readonly pipeline: string
  readonly timeouts?: RedisTimeouts
  /** For tests: ms, never goes back. */
  readonly monotonicMs?: () => number
}

export interface RedisOnlineStore extends OnlineStore {
  /** Values and markers that the servers dropped for want of memory, of any program, since they started. */
  evictedKeys(): Promise<number>
}

export type RedisReader = Pick<RedisOnlineStore, 'read' | 'marker' | 'walk' | 'nowMs'> &
  AsyncDisposable

/** Asks nothing of the servers yet: a run may begin while they are away. @throws DEFINITION_INVALID */
export function createRedisOnlineStore(
  definition: RedisDefinition,
  options: RedisStoreOptions,
): RedisOnlineStore {
  return new Store(definition, options, true)
}

/** For a process that only reads; a replica serves it too. @throws DEFINITION_INVALID */
export function openRedisReader(
  definition: RedisDefinition,
  options: RedisStoreOptions,
): RedisReader {
  return new Store(definition, options, false)
}

class Store implements RedisOnlineStore {
  readonly #layout: Layout
  readonly #servers: RedisServers

  constructor(
    definition: RedisDefinition,
    { pipeline, timeouts, monotonicMs }: RedisStoreOptions,
    isMasterWanted: boolean,
  ) {
    this.#layout = new Layout(definition.prefix, pipeline)
    this.#servers = openServers(definition, {
      pipeline,
      root: this.#layout.root,
      timeouts: timeouts ?? TIMEOUTS,
      monotonicMs: monotonicMs ?? (() => performance.now()),
      isMasterWanted,
    })
  }

  get incarnation(): string {
    return this.#servers.incarnation
  }

  async write(values: readonly OnlineValue[]): Promise<OnlineWriteResult> {
    return writeValues(this.#servers, this.#layout, values)
  }

  async read(view: string, entity: string): Promise<OnlineValue | undefined> {
    const [value] = await readValues(this.#servers, this.#layout, view, [entity])
    return value
  }

  async marker(partition: number): Promise<Marker | undefined> {
    return readMarkers(this.#servers, this.#layout, partition)
  }

  async advanceMarker(
    partition: number,
    marker: Marker,
    expected: ExpectedMarker,
  ): Promise<MarkerAdvance> {
    return advanceMarkers(this.#servers, this.#layout, { partition, marker, expected })
  }

  async forgetMarker(partition: number): Promise<void> {
    await forgetMarkers(this.#servers, this.#layout, partition)
  }

  async walk(
    view: string,
    whose: Parameters<OnlineStore['walk']>[1],
    cursor: string | undefined,
    limit: number,
  ): Promise<WalkPage> {
    return walkPage(this.#servers, this.#layout, { view, whose, cursor, limit })
  }

  /** Of the first master. */
  async nowMs(): Promise<number> {
    const [master] = await this.#servers.masters()
    const reply = await master?.node.ask('TIME')
    invariant(Array.isArray(reply), 'TIME answers seconds and microseconds')
    const [seconds, micros] = (reply as readonly unknown[]).map(Number)
    return (seconds ?? NaN) * 1_000 + Math.floor((micros ?? NaN) / 1_000)
  }

  async evictedKeys(): Promise<number> {
    const masters = await this.#servers.masters()
    const texts = await Promise.all(masters.map(({ node }) => node.ask('INFO', 'stats')))
    const counts = texts.map((text) => /^evicted_keys:(\d+)/m.exec(textOf(text))?.[1])
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers[Symbol.asyncDispose]()
  }
}
