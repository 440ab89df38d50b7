/**
 * One Redis server: connects when it is first asked, sends commands in pipelines, and is given up whole at the first trouble of
 * the connection. The next call connects anew. So nothing is queued for a server that is away, nothing is sent twice
 * behind the caller's back, and no answer is waited for longer than the time-out.
 */
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import type { TidemarkError } from '../errors.ts'
import { noAnswer, refusal, trouble, wrongRole } from './errors.ts'
import { ServerError, isError, textOf } from './reply.ts'
import type { RedisCommand, RedisReply } from './reply.ts'
import { SCRIPTS } from './scripts.ts'

export interface RedisNodeOptions {
  /** For messages: where it is, without a secret. */
  readonly title: string
  /** Read at each connection: certificates are replaced while a process runs. */
  readonly connection: () => RedisOptions
  readonly commandTimeoutMs: number
  /** Refuses to talk to a replica, which a failover may have made of it. */
  readonly isMasterWanted: boolean
}

export class RedisNode implements AsyncDisposable {
  readonly title: string
  readonly #options: RedisNodeOptions
  /** The connection in use or in the making. */
  #client: Redis | undefined
  #connecting: Promise<Redis> | undefined
  #connections = 0
  #history = ''
  #isClosed = false

  constructor(options: RedisNodeOptions) {
    this.title = options.title
    this.#options = options
  }

  /**
   * Names the history of the server's data as it was last heard; empty before the first connection. While it stays the same, nothing that
   * the server acknowledged is gone.
   */
  get history(): string {
    return this.#history
  }

  /** A script found another history. Undefined histories (a server that tells none) change with each connection instead. */
  heard(history: string): void {
    if (history !== '') this.#history = history
  }

  /** @throws ONLINE_UNAVAILABLE, ONLINE_REFUSED */
  async connect(): Promise<void> {
    await this.#connection()
  }

  /**
   * One pipeline; one reply per command, in order.
   * @throws ONLINE_UNAVAILABLE, ONLINE_REFUSED where the connection fails: any of the commands may have been run
   */
  async send(commands: readonly RedisCommand[]): Promise<RedisReply[]> {
    const client = await this.#connection()
    const replies = await this.#exec(client, commands)
    const unloaded = [...replies.keys()].filter((at) => isError(replies[at], 'NOSCRIPT'))
    if (unloaded.length === 0) return replies
    const loads = SCRIPTS.map(({ lua }) => ['SCRIPT', 'LOAD', lua] as const)
    for (const reply of await this.#exec(client, loads)) {
      if (reply instanceof ServerError) throw refusal(reply, this.title)
    }
    const unsent = commands.filter((_, at) => unloaded.includes(at))
    const again = await this.#exec(client, unsent)
    for (const [index, at] of unloaded.entries()) replies[at] = again[index] ?? null
    return replies
  }

  /** Like `send` for one command whose refusal is an error. */
  async ask(...command: RedisCommand): Promise<RedisReply> {
    const [reply] = await this.send([command])
    if (reply instanceof ServerError) throw refusal(reply, this.title)
    return reply ?? null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const connecting = this.#connecting
    if (this.#client) this.#giveUp(this.#client)
    await connecting?.catch(() => undefined)
  }

  #connection(): Promise<Redis> {
    if (this.#connecting) return this.#connecting
    if (this.#isClosed) return Promise.reject(trouble('it was closed', this.title))
    const connecting = this.#open()
    this.#connecting = connecting
    connecting.catch(() => {
      if (this.#connecting === connecting) this.#connecting = undefined
    })
    return connecting
  }

  async #open(): Promise<Redis> {
    const { connection, commandTimeoutMs } = this.#options
    const client = new Redis({
      ...connection(),
      ...ONCE,
      commandTimeout: commandTimeoutMs,
      sentinelCommandTimeout: commandTimeoutMs,
    })
    this.#client = client
    // The promise of a connection says only that it closed; these say why.
    const reasons: string[] = []
    client.on('error', ({ message }: Error) => reasons.unshift(message))
    client.on('sentinelError', ({ message }: Error) => reasons.push(message))
    try {
      await client.connect().catch((error: unknown) => {
        throw trouble(reasons[0] ?? messageOf(error), this.title, reasons.slice(1))
      })
      client.on('end', () => this.#forget(client))
      this.#history = await this.#meet(client)
      return client
    } catch (error) {
      this.#giveUp(client)
      throw error
    }
  }

  async #meet(client: Redis): Promise<string> {
    this.#connections += 1
    const [reply] = await this.#exec(client, [['INFO', 'replication']])
    if (reply instanceof ServerError) throw refusal(reply, this.title)
    const text = textOf(reply)
    const role = /^role:(\w+)/m.exec(text)?.[1]
    if (this.#options.isMasterWanted && role === 'slave') throw wrongRole(this.title)
    return /^master_replid:(\w+)/m.exec(text)?.[1] ?? `connection-${this.#connections}`
  }

  async #exec(client: Redis, commands: readonly RedisCommand[]): Promise<RedisReply[]> {
    const pipeline = client.pipeline()
    for (const [name, ...args] of commands) pipeline.call(name, ...args)
    const results = (await pipeline.exec()) ?? []
    const replies: RedisReply[] = []
    for (const [error, reply] of results) {
      if (error === null) replies.push(reply as RedisReply)
      else if (error.name === 'ReplyError') replies.push(new ServerError(error.message))
      else throw this.#broken(client, error)
    }
    if (replies.some((reply) => isError(reply, 'READONLY'))) this.#giveUp(client)
    return replies
  }

  /** A connection that failed once is not used again: what is still to come on it would answer calls long gone. */
  #broken(client: Redis, error: Error): TidemarkError {
    this.#giveUp(client)
    const { commandTimeoutMs } = this.#options
    const isTimeout = error.message === 'Command timed out'
    return isTimeout ? noAnswer(this.title, commandTimeoutMs) : trouble(error.message, this.title)
  }

  #giveUp(client: Redis): void {
    this.#forget(client)
    client.disconnect()
  }

  #forget(client: Redis): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#connecting = undefined
  }
}

/** One connection per client: no attempt of its own to connect again, no queue for a server that is away. */
const ONCE = {
  lazyConnect: true,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  enableOfflineQueue: false,
  // Loading, replicas and scripts are looked after here.
  enableReadyCheck: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  // Old servers and proxies know it too; nothing here needs the other.
  protocol: 2,
  replyMapping: 'legacy',
  disconnectTimeout: 200,
} satisfies RedisOptions

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
