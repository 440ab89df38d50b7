/**
 * The servers of a pipeline as one thing to send commands to: a single master (given, or named by sentinels), or the masters
 * of a Cluster (`cluster.ts`).
 */
import type { RedisDefinition } from '../core/definition.ts'
import { ClusterServers } from './cluster.ts'
import { placeOf } from './connection.ts'
import type { RedisTimeouts } from './connection.ts'
import { RedisNode } from './node.ts'
import type { RedisCommand, RedisReply } from './node.ts'

export interface Master {
  readonly node: RedisNode
  /** Leads keys to this master; undefined where every key leads to it. */
  readonly tag: string | undefined
}

export interface KeyedCommand {
  /** Any of its keys: they share a slot. */
  readonly key: string
  readonly command: RedisCommand
}

export interface RedisServers extends AsyncDisposable {
  /** Names the histories of all masters as last heard: another name, and something acknowledged may be gone. */
  readonly incarnation: string
  /** The keys of one command have to share a slot. */
  readonly hasSlots: boolean
  /** Every master that may hold keys of the pipeline, connected. */
  masters(): Promise<readonly Master[]>
  /** Names who serves what; another name, and keys may have moved from one master to another. */
  layout(): Promise<string>
  /** One reply per command, in order, wherever its key is. */
  send(commands: readonly KeyedCommand[]): Promise<RedisReply[]>
}

export interface ServersOptions {
  readonly pipeline: string
  /** What all keys begin with. */
  readonly root: string
  readonly timeouts: RedisTimeouts
  readonly monotonicMs: () => number
  /** A reader is content with a replica. */
  readonly isMasterWanted: boolean
}

/** Connects to nothing yet. @throws DEFINITION_INVALID */
export function openServers(definition: RedisDefinition, options: ServersOptions): RedisServers {
  if (definition.servers.kind === 'cluster') {
    return new ClusterServers(definition, definition.servers.nodes, options)
  }
  const { pipeline, timeouts, isMasterWanted } = options
  const place = placeOf(definition, pipeline, timeouts)
  return new SingleServer(
    new RedisNode({
      title: place.title,
      connection: () => place.options(),
      commandTimeoutMs: timeouts.commandMs,
      isMasterWanted,
    }),
  )
}

class SingleServer implements RedisServers {
  readonly hasSlots = false
  readonly #node: RedisNode

  constructor(node: RedisNode) {
    this.#node = node
  }

  get incarnation(): string {
    return this.#node.history
  }

  async masters(): Promise<readonly Master[]> {
    await this.#node.connect()
    return [{ node: this.#node, tag: undefined }]
  }

  async layout(): Promise<string> {
    return ''
  }

  async send(commands: readonly KeyedCommand[]): Promise<RedisReply[]> {
    return this.#node.send(commands.map(({ command }) => command))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node[Symbol.asyncDispose]()
  }
}
