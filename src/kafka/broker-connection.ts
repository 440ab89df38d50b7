/**
 * One connection to one broker: kafkajs opens the socket, negotiates versions and authenticates; requests and answers are
 * bytes of ours.
 *
 * A connection whose broker is silent (paused, black-holed) is given up: time is counted from the last byte received, so
 * that a large answer on a slow line is not mistaken for silence. Once given up it is never used again.
 */
import { connect as connectPlain, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Logger } from 'kafkajs'
import Connection from 'kafkajs/src/network/connection.js'
import kafkajsProtocol from 'kafkajs/src/protocol/requests/index.js'
import { connectionFailure, SILENCE } from './connection-failure.ts'
import type { Security } from './security.ts'
import type { WireWriter } from './wire.ts'

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

export interface ConnectionOptions {
  readonly security: Security
  readonly logger: Logger
  /** Without a byte for so long while an answer is due, the connection is given up. */
  readonly silenceMs: number
  /** Ends the connection, in whatever state it is. */
  readonly signal: AbortSignal
}

export interface WireRequest {
  readonly apiKey: number
  readonly apiName: string
  readonly apiVersion: number
  /** Versions with compact fields and tags have them in the headers too. */
  readonly isFlexible?: boolean
  readonly body: Pick<WireWriter, 'buf' | 'buffer'>
}

const CLIENT_ID = 'tidemark'
const CONNECT_MS = 5_000
const KEEP_ALIVE_MS = 60_000
const API_VERSIONS = 2

export class BrokerConnection {
  readonly address: string
  readonly #connection: Connection
  readonly #options: ConnectionOptions
  #socket: Socket | undefined
  #isOver = false
  #forget: () => void = () => undefined
  #received = 0
  #newestVersions: ReadonlyMap<number, number> = new Map()

  private constructor({ host, port }: BrokerAddress, options: ConnectionOptions) {
    this.address = `${host}:${port}`
    this.#options = options
    const { ssl, sasl } = options.security
    this.#connection = new Connection({
      host,
      port,
      clientId: CLIENT_ID,
      logger: options.logger,
      socketFactory: (plan) => this.#createSocket(plan),
      ssl,
      sasl: sasl && { ...sasl },
      connectionTimeout: CONNECT_MS,
      requestTimeout: options.silenceMs,
      enforceRequestTimeout: false,
    })
  }

  /** @throws ConnectionFailure */
  static async open(address: BrokerAddress, options: ConnectionOptions): Promise<BrokerConnection> {
    const connection = new BrokerConnection(address, options)
    connection.#endWith(options.signal)
    const handshakeMs = options.silenceMs * 2
    const timer = setTimeout(() => {
      connection.destroy(`${SILENCE} to the first requests within ${handshakeMs / 1_000} s`)
    }, handshakeMs)
    try {
      await connection.#handshake()
      return connection
    } catch (cause) {
      connection.destroy('the handshake failed')
      throw connectionFailure(connection.address, options.security, cause)
    } finally {
      clearTimeout(timer)
    }
  }

  get isOpen(): boolean {
    return !this.#isOver
  }

  /** The newest version of an API that the broker speaks; -1: none. */
  newestVersion(apiKey: number): number {
    return this.#newestVersions.get(apiKey) ?? -1
  }

  /**
   * @param waitMs how long the broker was asked to wait before it answers
   * @throws ConnectionFailure
   */
  async send(request: WireRequest, waitMs = 0): Promise<Buffer> {
    const stopWatching = this.#watch(waitMs)
    try {
      const answer = await this.#connection.send({
        request: {
          apiKey: request.apiKey,
          apiName: request.apiName,
          apiVersion: request.apiVersion,
          encode: () => Promise.resolve(request.body),
        },
        response: {
          decode: (payload) => Promise.resolve({ payload }),
          parse: (decoded) => Promise.resolve((decoded as { readonly payload: Buffer }).payload),
        },
      })
      // The tags of a flexible answer's header: none is defined.
      return request.isFlexible === true ? answer.subarray(1) : answer
    } catch (cause) {
      throw connectionFailure(this.address, this.#options.security, cause)
    } finally {
      stopWatching()
    }
  }

  /** Whatever waits for an answer fails with the reason. */
  destroy(reason: string): void {
    this.#isOver = true
    this.#forget()
    // With an error, so that kafkajs rejects what is in flight.
    this.#socket?.destroy(new Error(reason))
  }

  #endWith(signal: AbortSignal): void {
    const end = (): void => {
      this.destroy('closed by us')
    }
    signal.addEventListener('abort', end, { once: true })
    this.#forget = () => {
      signal.removeEventListener('abort', end)
    }
  }

  async #handshake(): Promise<void> {
    this.#options.signal.throwIfAborted()
    await this.#connection.connect()
    const request = kafkajsProtocol.requests.ApiVersions.protocol({ version: API_VERSIONS })
    const { apiVersions } = await this.#connection.send(request())
    this.#newestVersions = new Map(apiVersions.map((api) => [api.apiKey, api.maxVersion]))
    this.#connection.setVersions(
      Object.fromEntries(
        apiVersions.map(({ apiKey, ...versions }) => [String(apiKey), versions] as const),
      ),
    )
    this.#connection.setSupportAuthenticationProtocol(true)
    await this.#connection.authenticate()
  }

  #createSocket({
    host,
    port,
    ssl,
    onConnect,
  }: {
    readonly host: string
    readonly port: number
    readonly ssl: object | undefined
    readonly onConnect: () => void
  }): Socket {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
      : connectPlain({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.#received += bytes.length
    })
    for (const event of ['end', 'error', 'close']) {
      socket.on(event, () => {
        this.#isOver = true
        this.#forget()
      })
    }
    this.#socket = socket
    return socket
  }

  /** Gives the connection up when nothing comes; the function that is returned ends the watch. */
  #watch(waitMs: number): () => void {
    const { silenceMs } = this.#options
    let seen = this.#received
    let isOver = false
    const check = (): void => {
      // After a stall of this process its timers come before the bytes that wait in the socket: those first.
      setImmediate(() => {
        if (isOver) return
        if (this.#received === seen) {
          this.destroy(`${SILENCE} within ${(waitMs + silenceMs) / 1_000} s`)
          return
        }
        seen = this.#received
        timer = setTimeout(check, silenceMs)
      })
    }
    let timer = setTimeout(check, waitMs + silenceMs)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }
}
