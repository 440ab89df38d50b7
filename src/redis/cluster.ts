/**
 * The masters of a Redis Cluster: who serves which slots, and commands on their way there, pipelined per node. What is known
 * is asked anew after trouble, after MOVED, and every few seconds; a slot on its way to another node is followed (ASK).
 */
import type { RedisDefinition } from '../core/definition.ts'
import { TidemarkError, invariant } from '../errors.ts'
import { nodePlace, parseAddress } from './connection.ts'
import type { Address } from './connection.ts'
import { movingSlots, unservedSlot } from './errors.ts'
import { RedisNode } from './node.ts'
import { isError, textOf } from './reply.ts'
import type { RedisCommand, RedisReply } from './reply.ts'
import type { KeyedCommand, Master, RedisServers, ServersOptions } from './servers.ts'
import { SLOTS, hashTag, slotOfKey, tagOfSlot } from './slot.ts'

/** Hops of one command before the caller has to try again. */
const HOPS_MAX = 6
const REFRESH_MS = 5_000

interface Topology {
  /** By slot. */
  readonly owners: readonly (RedisNode | undefined)[]
  readonly masters: readonly Master[]
  /** Ranges and addresses, as text. */
  readonly name: string
  readonly askedMs: number
}

/** Where a command goes next; `asking` while its slot moves there. */
interface Hop extends KeyedCommand {
  readonly index: number
  readonly asking: RedisNode | undefined
}

export class ClusterServers implements RedisServers {
  readonly hasSlots = true
  readonly #definition: RedisDefinition
  readonly #options: ServersOptions
  /** Nodes ever heard of, by `host:port`. */
  readonly #nodes = new Map<string, RedisNode>()
  readonly title: string
  #topology: Topology | undefined
  #isStale = true
  #asking: Promise<Topology> | undefined

  constructor(definition: RedisDefinition, nodes: readonly string[], options: ServersOptions) {
    this.#definition = definition
    this.#options = options
    this.title = `Cluster of ${nodes.join(', ')}`
    for (const address of nodes) this.#node(parseAddress(address, 6_379))
  }

  get incarnation(): string {
    const masters = this.#topology?.masters ?? []
    return masters.map(({ node }) => node.history).join('+')
  }

  async masters(): Promise<readonly Master[]> {
    const { masters } = await this.#current()
    try {
      await Promise.all(masters.map(({ node }) => node.connect()))
    } catch (error) {
      this.#isStale = true
      throw error
    }
    return masters
  }

  async layout(): Promise<string> {
    return (await this.#current()).name
  }

  async send(commands: readonly KeyedCommand[]): Promise<RedisReply[]> {
    const replies: RedisReply[] = Array.from({ length: commands.length }, () => null)
    let hops: Hop[] = commands.map((command, index) => ({ ...command, index, asking: undefined }))
    for (let count = 0; count < HOPS_MAX; count += 1) {
      hops = await this.#hop(hops, replies)
      if (hops.length === 0) return replies
    }
    throw movingSlots(this.title)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node[Symbol.asyncDispose]()))
  }

  /** Sends each command to where it should go; returns those that have to go elsewhere. */
  async #hop(hops: readonly Hop[], replies: RedisReply[]): Promise<Hop[]> {
    const { owners } = await this.#current()
    const groups = new Map<RedisNode, Hop[]>()
    for (const hop of hops) {
      const slot = slotOfKey(hop.key)
      const node = hop.asking ?? owners[slot]
      if (node === undefined) {
        this.#isStale = true
        throw unservedSlot(this.title, slot)
      }
      const group = groups.get(node)
      if (group) group.push(hop)
      else groups.set(node, [hop])
    }
    const outcomes = await Promise.allSettled(
      [...groups].map(async ([node, group]) => this.#sendTo(node, group)),
    )
    const elsewhere: Hop[] = []
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        // Perhaps another node has taken over.
        this.#isStale = true
        throw outcome.reason
      }
      for (const { hop, reply, node } of outcome.value) {
        const next = this.#next(hop, reply, node)
        if (next) elsewhere.push(next)
        else replies[hop.index] = reply
      }
    }
    return elsewhere
  }

  async #sendTo(
    node: RedisNode,
    group: readonly Hop[],
  ): Promise<{ readonly hop: Hop; readonly reply: RedisReply; readonly node: RedisNode }[]> {
    const commands: RedisCommand[] = []
    for (const { asking, command } of group) {
      if (asking) commands.push(['ASKING'])
      commands.push(command)
    }
    const replies = await node.send(commands)
    let at = -1
    return group.map((hop) => {
      at += hop.asking ? 2 : 1
      return { hop, reply: replies[at] ?? null, node }
    })
  }

  #next(hop: Hop, reply: RedisReply, asked: RedisNode): Hop | undefined {
    if (isError(reply, 'MOVED')) {
      this.#isStale = true
      return { ...hop, asking: undefined }
    }
    if (isError(reply, 'ASK')) {
      const { host, port } = parseAddress(reply.message.split(' ')[2] ?? '', 6_379)
      return { ...hop, asking: this.#node({ host: hostOf(host, asked.title), port }) }
    }
    if (isError(reply, 'CLUSTERDOWN') || isError(reply, 'READONLY')) this.#isStale = true
    return undefined
  }

  #current(): Promise<Topology> {
    const known = this.#topology
    if (known && !this.#isStale && this.#options.monotonicMs() - known.askedMs < REFRESH_MS) {
      return Promise.resolve(known)
    }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Of the first node that knows; those that served before are asked first. */
  async #ask(): Promise<Topology> {
    const serving = this.#topology?.masters.map(({ node }) => node) ?? []
    let failure: unknown
    for (const node of new Set([...serving, ...this.#nodes.values()])) {
      try {
        const reply = await node.ask('CLUSTER', 'SLOTS')
        invariant(Array.isArray(reply), 'CLUSTER SLOTS answers a list')
        this.#topology = this.#parse(reply, node)
        this.#isStale = false
        return this.#topology
      } catch (error) {
        // The first one counts, and one that only a person can mend before all.
        if (error instanceof TidemarkError && !error.retryable) throw error
        failure ??= error
      }
    }
    throw failure
  }

  /** Ranges of `[first, last, [host, port, ...], replicas...]`. */
  #parse(ranges: readonly RedisReply[], asked: RedisNode): Topology {
    const owners = new Array<RedisNode | undefined>(SLOTS).fill(undefined)
    const names: string[] = []
    for (const range of ranges) {
      if (!Array.isArray(range)) continue
      const [first, last, master] = range as RedisReply[]
      if (!Array.isArray(master)) continue
      const [host, port] = master as RedisReply[]
      const node = this.#node({ host: hostOf(host, asked.title), port: Number(port) })
      owners.fill(node, Number(first), Number(last) + 1)
      names.push(`${textOf(first)}-${textOf(last)}@${node.title}`)
    }
    return {
      owners,
      masters: this.#mastersOf(owners),
      name: names.sort().join(' '),
      askedMs: this.#options.monotonicMs(),
    }
  }

  /** Each with a tag of its lowest slot, in the order of these; where a tag in the root leads all keys to one slot, that slot's. */
  #mastersOf(owners: readonly (RedisNode | undefined)[]): Master[] {
    const { root } = this.#options
    if (hashTag(root) !== undefined) {
      const node = owners[slotOfKey(root)]
      return node === undefined ? [] : [{ node, tag: undefined }]
    }
    const lowest = new Map<RedisNode, number>()
    for (const [slot, node] of owners.entries()) {
      if (node && !lowest.has(node)) lowest.set(node, slot)
    }
    return [...lowest].map(([node, slot]) => ({ node, tag: tagOfSlot(slot) }))
  }

  #node(address: Address): RedisNode {
    const { pipeline, timeouts } = this.#options
    const place = nodePlace(this.#definition, pipeline, address, timeouts)
    const known = this.#nodes.get(place.title)
    if (known) return known
    const node = new RedisNode({
      title: place.title,
      connection: () => place.options(),
      commandTimeoutMs: timeouts.commandMs,
      // A replica sends every command on to its master.
      isMasterWanted: false,
    })
    this.#nodes.set(place.title, node)
    return node
  }
}

/** A node that does not know its own address tells none: it is where it was asked. */
function hostOf(host: RedisReply | undefined, asked: string): string {
  const text = typeof host === 'string' ? host : ''
  return text === '' || text === '?' ? parseAddress(asked, 0).host : text
}
