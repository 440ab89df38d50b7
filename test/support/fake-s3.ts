/** A server that gives what answers a test wants, as S3 would: throttling, other regions, look-alikes. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export type Answer = (request: http.IncomingMessage, response: http.ServerResponse) => void

export class FakeS3 implements AsyncDisposable {
  readonly endpoint: string
  readonly #server: http.Server
  readonly #state: { answer: Answer; requests: number }

  private constructor(server: http.Server, state: { answer: Answer; requests: number }) {
    this.#server = server
    this.#state = state
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(): Promise<FakeS3> {
    const state = { answer: empty, requests: 0 }
    const server = http.createServer((request, response) => {
      state.requests += 1
      request.resume()
      request.on('end', () => state.answer(request, response))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FakeS3(server, state)
  }

  /** Since it started. */
  get requests(): number {
    return this.#state.requests
  }

  /** From now on. */
  answers(answer: Answer): void {
    this.#state.answer = answer
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    return Promise.resolve()
  }
}

/** Success without a word: what a look-alike says to every put. */
export function empty(_: http.IncomingMessage, response: http.ServerResponse): void {
  response.end()
}

export function failing(status: number, code: string, more = ''): Answer {
  return ({ method }, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>told by the server</Message>${more}</Error>`
    response.end(method === 'HEAD' ? undefined : body)
  }
}
