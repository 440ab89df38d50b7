/**
 * The servers of a pipeline as one thing to send commands to: a single master, given or named by sentinels
 * (`open-servers.ts`), or the masters of a Cluster (`cluster.ts`).
 */
import type { RedisTimeouts } from './connection.ts'
import type { RedisNode } from './node.ts'
import type { RedisCommand, RedisReply } from './reply.ts'

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
  /** For messages. */
  readonly title: string
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
