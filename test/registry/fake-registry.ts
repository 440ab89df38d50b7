/** The few answers of a schema registry that a client meets, by HTTP, in the words of the real ones. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Reply {
  readonly status?: number
  readonly body: unknown
}

/** An error in the registry's own words. */
export function registryError(status: number, errorCode: number, message: string): Reply {
  return { status, body: { error_code: errorCode, message } }
}

export class FakeRegistryServer implements AsyncDisposable {
  /** Path -> what is answered; a text is sent as it is, `never` is not answered. */
  readonly replies = new Map<string, Reply | 'never'>()
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[] = []
  readonly #server: Server = createServer((request, response) => this.#answer(request, response))

  static async start(): Promise<FakeRegistryServer> {
    const fake = new FakeRegistryServer()
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `http://${this.address}`
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    this.asked.push({ path: url, authorization: headers.authorization })
    const reply = this.replies.get(url) ?? registryError(404, 40403, 'Schema not found')
    if (reply === 'never') return
    const isText = typeof reply.body === 'string'
    response.writeHead(reply.status ?? 200, {
      'content-type': isText ? 'text/html' : 'application/vnd.schemaregistry.v1+json',
    })
    response.end(isText ? reply.body : JSON.stringify(reply.body))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
