/**
 * The brokers of one topic: connections by purpose, each opened when it is needed first and again after it broke, and the
 * newest metadata.
 *
 * A broker answers the requests of one connection one after the other, so a fetch that waits for new records must not
 * share it with anything that is in a hurry: hence the lanes.
 */
import { setMaxListeners } from 'node:events'
import type { KafkaLog } from '../core/definition.ts'
import type { Clock, Log } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { BrokerConnection } from './broker-connection.ts'
import type { BrokerAddress, WireRequest } from './broker-connection.ts'
import { ConnectionFailure } from './connection-failure.ts'
import { brokersTooOld, ClusterUnreachable, garbledAnswer } from './kafka-errors.ts'
import { stopIdleTimers } from './kafkajs-idle-timer.ts'
import { kafkajsLogger } from './kafkajs-logger.ts'
import { decodeMetadata, METADATA_API, metadataRequest } from './metadata.ts'
import type { ClusterMetadata } from './metadata.ts'
import { readSecurity } from './security.ts'
import type { Security } from './security.ts'

/** `control`: short questions. `behind`: records that are there. `tail`: waits for records to come. */
export type ConnectionLane = 'control' | 'behind' | 'tail'

export interface ClusterParts {
  readonly definition: KafkaLog
  readonly log: Log
  readonly clock: Clock
  /** A broker that says nothing for so long, while an answer is due, is taken for gone. */
  readonly silenceMs: number
}

export class KafkaCluster implements AsyncDisposable {
  readonly #parts: ClusterParts
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  /** When each address failed last, monotonic. */
  readonly #failedMs = new Map<string, number>()
  readonly #closed = new AbortController()
  #security: Security | undefined
  #metadata: ClusterMetadata | undefined
  #refreshing: Promise<ClusterMetadata> | undefined

  constructor(parts: ClusterParts) {
    stopIdleTimers()
    // One listener per connection.
    setMaxListeners(0, this.#closed.signal)
    this.#parts = parts
  }

  /** The newest that is known; undefined before the first `refresh`. */
  get metadata(): ClusterMetadata | undefined {
    return this.#metadata
  }

  /** Asks one broker after the other until one answers. @throws ClusterUnreachable */
  refresh(): Promise<ClusterMetadata> {
    this.#refreshing ??= this.#askMetadata().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /**
   * @param waitMs how long the request asks the broker to wait
   * @throws ConnectionFailure
   */
  async send(
    node: number,
    lane: ConnectionLane,
    request: WireRequest,
    waitMs = 0,
  ): Promise<Buffer> {
    const address = this.#metadata?.brokers.get(node)
    if (address === undefined) {
      const words = { text: 'the broker is not among those that the others know', isRefusal: false }
      throw new ConnectionFailure(`broker ${node}`, words, undefined)
    }
    return this.#send(address, lane, request, waitMs)
  }

  /** To any broker, for what all of them know. @throws ClusterUnreachable */
  async sendToAny(request: WireRequest): Promise<Buffer> {
    const failures: ConnectionFailure[] = []
    for (const address of this.#candidates()) {
      try {
        return await this.#send(address, 'control', request)
      } catch (error) {
        if (!(error instanceof ConnectionFailure)) throw error
        failures.push(error)
      }
    }
    throw new ClusterUnreachable(failures)
  }

  /** Closes every connection, also those that are being opened; nothing is opened after it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    return Promise.resolve()
  }

  async #askMetadata(): Promise<ClusterMetadata> {
    const answer = await this.sendToAny(metadataRequest(this.#parts.definition.topic))
    this.#metadata = decodeAnswer('Metadata', answer, decodeMetadata)
    return this.#metadata
  }

  async #send(
    address: BrokerAddress,
    lane: ConnectionLane,
    request: WireRequest,
    waitMs = 0,
  ): Promise<Buffer> {
    try {
      const connection = await this.#connect(address, lane)
      return await connection.send(request, waitMs)
    } catch (error) {
      this.#failedMs.set(addressKey(address), this.#parts.clock.monotonicMs())
      throw error
    }
  }

  async #connect(address: BrokerAddress, lane: ConnectionLane): Promise<BrokerConnection> {
    const key = `${addressKey(address)} ${lane}`
    for (;;) {
      const known = this.#connections.get(key)
      if (known === undefined) break
      const connection = await known
      if (connection.isOpen) return connection
      if (this.#connections.get(key) === known) this.#connections.delete(key)
    }
    const opening = this.#open(address)
    this.#connections.set(key, opening)
    opening.catch(() => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key)
    })
    return opening
  }

  async #open(address: BrokerAddress): Promise<BrokerConnection> {
    const { log, silenceMs } = this.#parts
    const { signal } = this.#closed
    const security = await this.#readSecurity()
    const logger = kafkajsLogger(log)
    const connection = await BrokerConnection.open(address, { security, logger, silenceMs, signal })
    if (connection.newestVersion(METADATA_API.apiKey) < METADATA_API.version) {
      connection.destroy('too old')
      throw brokersTooOld(connection.address)
    }
    return connection
  }

  /** Anew for each connection, because certificates are renewed; where that fails in between, as it was. */
  async #readSecurity(): Promise<Security> {
    try {
      this.#security = await readSecurity(this.#parts.definition)
    } catch (error) {
      if (this.#security === undefined) throw error
      this.#parts.log.warn({ error }, `${String(error)}; going on with what was read before`)
    }
    return this.#security
  }

  /** Every address that is known, those that failed last at the end. */
  #candidates(): BrokerAddress[] {
    const seeds = this.#parts.definition.brokers.map(parseAddress)
    const told = [...(this.#metadata?.brokers.values() ?? [])]
    const all = new Map([...told, ...seeds].map((address) => [addressKey(address), address]))
    const failedMs = (key: string): number => this.#failedMs.get(key) ?? -1
    return [...all].toSorted(([a], [b]) => failedMs(a) - failedMs(b)).map(([, address]) => address)
  }
}

/** @throws SOURCE_UNREADABLE where the answer is not what was asked for */
export function decodeAnswer<T>(request: string, answer: Buffer, decode: (answer: Buffer) => T): T {
  try {
    return decode(answer)
  } catch (error) {
    if (error instanceof TidemarkError) throw error
    throw garbledAnswer(request, error)
  }
}

function addressKey({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}

/** `host:port`, an IPv6 address in brackets; the port is 9092 where none is said. */
function parseAddress(text: string): BrokerAddress {
  const [, host = text, port = '9092'] = /^\[?(.+?)\]?(?::(\d+))?$/.exec(text) ?? []
  return { host, port: Number(port) }
}
