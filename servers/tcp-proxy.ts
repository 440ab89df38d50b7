/**
 * A TCP proxy that makes a network misbehave: refuses and cuts connections, delays, holds bytes back, loses them. What
 * it does holds for every connection until `heal()`.
 */
import { once } from 'node:events'
import net from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.ts'

/** `requests` go to the server, `answers` come from it. */
export type Direction = 'requests' | 'answers'
export type Directions = Direction | 'both'

interface Connection {
  readonly client: Socket
  readonly server: Socket
  /** What is on its way in each direction, one after the other. */
  readonly onTheWay: Record<Direction, Promise<void>>
  /** Bytes were lost on it: it can only be cut. */
  hasLost: boolean
}

export class TcpProxy implements AsyncDisposable {
  readonly port: number
  readonly #target: number
  readonly #listener: net.Server
  readonly #connections = new Set<Connection>()
  #isDown = false
  #delayMs = 0
  #held: Directions | undefined
  #lost: Directions | undefined
  #answerBytesLeft = Infinity

  private constructor(port: number, target: number) {
    this.port = port
    this.#target = target
    this.#listener = net.createServer({ allowHalfOpen: true }, (client) => this.#connect(client))
  }

  /** Listens on 127.0.0.1 (at a free port where none is said) and passes on to `target` there. */
  static async start(target: number, port?: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port ?? (await freePort()), target)
    proxy.#listener.listen({ host: '127.0.0.1', port: proxy.port })
    await once(proxy.#listener, 'listening')
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size
  }

  /** Resets every connection; new ones are let through. */
  cut(): void {
    for (const connection of this.#connections) reset(connection)
  }

  /** Resets every connection and every new one. */
  down(): void {
    this.#isDown = true
    this.cut()
  }

  /** Passes everything on later. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs
  }

  /** Keeps bytes back; `heal()` passes them on. To a client it looks like a server that hangs. */
  hold(directions: Directions = 'both'): void {
    this.#held = directions
    for (const connection of this.#connections) this.#holdOrFlow(connection)
  }

  /** Loses what comes from now on; `heal()` cuts the connections on which something was lost. */
  lose(directions: Directions = 'both'): void {
    this.#lost = directions
  }

  /** Cuts the connection on which the answers' byte with that number, counted from now, would pass. */
  cutAfterAnswered(bytes: number): void {
    this.#answerBytesLeft = bytes
  }

  heal(): void {
    this.#isDown = false
    this.#delayMs = 0
    this.#held = undefined
    this.#lost = undefined
    this.#answerBytesLeft = Infinity
    for (const connection of this.#connections) {
      if (connection.hasLost) reset(connection)
      else this.#holdOrFlow(connection)
    }
  }

  async stop(): Promise<void> {
    if (!this.#listener.listening) return
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    this.down()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #connect(client: Socket): void {
    if (this.#isDown) {
      client.resetAndDestroy()
      return
    }
    const server = net.connect({ host: '127.0.0.1', port: this.#target, allowHalfOpen: true })
    const onTheWay = { requests: Promise.resolve(), answers: Promise.resolve() }
    const connection: Connection = { client, server, onTheWay, hasLost: false }
    this.#connections.add(connection)
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => reset(connection))
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) this.#connections.delete(connection)
      })
    }
    for (const direction of ['requests', 'answers'] as const) {
      const { from, to } = ends(connection, direction)
      from.on('data', (bytes) => this.#pass(connection, direction, bytes))
      from.on('end', () => this.#later(connection, direction, () => to.end()))
    }
    this.#holdOrFlow(connection)
  }

  #pass(connection: Connection, direction: Direction, bytes: Buffer): void {
    if (covers(this.#lost, direction)) {
      connection.hasLost = true
      return
    }
    let passed = bytes
    if (direction === 'answers') {
      passed = bytes.subarray(0, this.#answerBytesLeft)
      this.#answerBytesLeft -= passed.length
    }
    const { from, to } = ends(connection, direction)
    this.#later(connection, direction, () => {
      if (passed.length < bytes.length) {
        to.write(passed, () => reset(connection))
      } else if (!to.write(passed)) {
        from.pause()
        to.once('drain', () => this.#holdOrFlow(connection))
      }
    })
  }

  /** Once the delay is over, and after all that came before. */
  #later(connection: Connection, direction: Direction, effect: () => void): void {
    const dueMs = performance.now() + this.#delayMs
    connection.onTheWay[direction] = connection.onTheWay[direction].then(async () => {
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      if (!ends(connection, direction).to.destroyed) effect()
    })
  }

  #holdOrFlow({ client, server }: Connection): void {
    if (covers(this.#held, 'requests')) client.pause()
    else client.resume()
    if (covers(this.#held, 'answers')) server.pause()
    else server.resume()
  }
}

function covers(directions: Directions | undefined, direction: Direction): boolean {
  return directions === 'both' || directions === direction
}

function ends(
  { client, server }: Connection,
  direction: Direction,
): { readonly from: Socket; readonly to: Socket } {
  return direction === 'requests' ? { from: client, to: server } : { from: server, to: client }
}

function reset({ client, server }: Connection): void {
  client.resetAndDestroy()
  server.destroy()
}
