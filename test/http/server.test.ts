import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { serveOperations } from '../../src/http/server.ts'
import type { OperationsParts, OperationsServer } from '../../src/http/server.ts'
import type { Log } from '../../src/engine/ports.ts'

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }
const WELL = { ok: true, reasons: [] }
const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const each of opened.splice(0)) await each[Symbol.asyncDispose]()
})

async function serve(changed: Partial<OperationsParts> = {}): Promise<OperationsServer> {
  const server = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    log: SILENT,
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('up 1\n') },
    health: () => ({ healthy: WELL, ready: { ok: false, reasons: ['clicks[0]: starting'] } }),
    ...changed,
  })
  opened.push(server)
  return server
}

/** What comes back for raw bytes, until the server closes the connection. */
async function raw({ url }: OperationsServer, text: string): Promise<string> {
  const socket = open(url)
  let received = ''
  socket.on('data', (data) => (received += data.toString()))
  // A server that refuses in the middle of a request resets the connection; what it said is what counts.
  socket.on('error', () => undefined)
  socket.write(text)
  await new Promise((resolve) => socket.once('close', resolve))
  return received
}

function open(url: string): Socket {
  const { hostname, port } = new URL(url)
  return connect(Number(port), hostname)
}

describe('what is answered', () => {
  test('/metrics has the text and the type of the registry', async () => {
    const { url } = await serve()
    const answer = await fetch(`${url}/metrics`)
    expect([answer.status, await answer.text()]).toEqual([200, 'up 1\n'])
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4')
  })

  test('health is 200 or 503, with the reasons as JSON', async () => {
    const { url } = await serve()
    const [healthy, ready] = await Promise.all([
      fetch(`${url}/healthz`),
      fetch(`${url}/readyz?x=1`),
    ])
    expect([healthy.status, await healthy.json()]).toEqual([200, WELL])
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ok: false, reasons: ['clicks[0]: starting'] },
    ])
  })

  test('the index names the pages, and another page is 404 with the index', async () => {
    const { url } = await serve()
    const [index, other] = await Promise.all([fetch(url), fetch(`${url}/metrics/x`)])
    expect(await index.text()).toMatch(/\/metrics .*\/healthz .*\/readyz /s)
    expect([index.status, other.status]).toEqual([200, 404])
    expect(await other.text()).toContain('/readyz')
  })

  test('HEAD has the headers of GET and no body', async () => {
    const { url } = await serve()
    const answer = await fetch(`${url}/metrics`, { method: 'HEAD' })
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([
      200,
      '5',
      '',
    ])
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])(
    '%s is 405 and says what is not',
    async (method) => {
      const answer = await raw(await serve(), `${method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 405 .*\r\nallow: GET, HEAD\r\n/s)
    },
  )

  test('metrics that cannot be read are 500, and the server goes on', async () => {
    const text = (): Promise<string> => Promise.reject(new Error('broken'))
    const { url } = await serve({ metrics: { contentType: 'text/plain', text } })
    expect((await fetch(`${url}/metrics`)).status).toBe(500)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })
})

describe('what a client cannot do', () => {
  test('a request that is none is 400', async () => {
    expect(await raw(await serve(), 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('headers beyond 8 KiB are 431', async () => {
    const bomb = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(9_000)}\r\n\r\n`
    expect(await raw(await serve(), bomb)).toMatch(/^HTTP\/1\.1 431 /)
  })

  test('a body is not waited for: the answer comes and the connection ends', async () => {
    const announced = 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbegun'
    expect(await raw(await serve(), announced)).toMatch(/^HTTP\/1\.1 405 .*connection: close/s)
  })

  test('who sends nothing, or half a request, is cut off', async () => {
    const server = await serve()
    const [silent, half] = await Promise.all([raw(server, ''), raw(server, 'GET / HTTP/1.1\r\n')])
    expect([silent, half].map((text) => text.slice(0, 12))).toEqual([
      'HTTP/1.1 408',
      'HTTP/1.1 408',
    ])
  })
})

describe('beginning and end', () => {
  test('a port that is taken is told in words', async () => {
    const { url } = await serve()
    const port = Number(new URL(url).port)
    await expect(serve({ port })).rejects.toThrow(
      `http: 127.0.0.1:${port} is taken by another process, perhaps another tidemark. Name another port in \`http\`, or stop that process [HTTP_LISTEN_FAILED]`,
    )
  })

  test('an address of another machine is told in words', async () => {
    await expect(serve({ host: '192.0.2.1' })).rejects.toThrow(
      /192\.0\.2\.1:0 is no address of this machine \(EADDRNOTAVAIL\).*\[HTTP_LISTEN_FAILED\]/,
    )
  })

  test('the end closes connections that are kept alive', async () => {
    const server = await serve()
    const socket = open(server.url)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    const closed = once(socket, 'close')
    await server[Symbol.asyncDispose]()
    await closed
  })

  test('an answer under way at the end is finished', async () => {
    let finish: (text: string) => void = () => undefined
    const asked = new Promise<void>((resolve) => {
      void serve({
        metrics: {
          contentType: 'text/plain',
          text: () => {
            resolve()
            return new Promise((done) => (finish = done))
          },
        },
      }).then(({ url }) => (answer = fetch(`${url}/metrics`)))
    })
    let answer: Promise<Response> | undefined
    await asked
    const ended = opened.splice(0).map((each) => each[Symbol.asyncDispose]())
    finish('last\n')
    expect(await (await answer)?.text()).toBe('last\n')
    await Promise.all(ended)
  })
})
