/** From a definition to its servers; the single master lives here, a Cluster in `cluster.ts`. */
import type { RedisDefinition } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import { ClusterServers } from './cluster.ts'
import { placeOf } from './connection.ts'
import { RedisNode } from './node.ts'
import type { RedisReply } from './reply.ts'
import type { KeyedCommand, Master, RedisServers, ServersOptions } from './servers.ts'
import { hashTag } from './slot.ts'

/** Connects to nothing yet. @throws DEFINITION_INVALID */
export function openServers(definition: RedisDefinition, options: ServersOptions): RedisServers {
  if (definition.servers.kind === 'cluster') {
    checkTag(options.root)
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

  get title(): string {
    return this.#node.title
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

/** Half a tag in the prefix would end somewhere in an entity, and markers could not be led to their masters. */
function checkTag(root: string): void {
  if (!root.includes('{') || hashTag(root) !== undefined) return
  throw new TidemarkError(
    'DEFINITION_INVALID',
    'sinks.online.prefix: a `{` for a Cluster begins a hash tag and needs its text and its `}`. Write {tenant}, which keeps all keys on one master, or leave the braces out',
  )
}
