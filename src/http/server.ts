/**
 * The HTTP side of a run: `/metrics`, `/healthz`, `/readyz` and an index. It reads and answers; nothing can be changed
 * through it. Requests, headers, connections and waiting times are bounded, so that whoever asks cannot hold the run up.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { Health, Verdict } from './health.ts'

export interface OperationsParts {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly log: Log
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  readonly health: () => Health
}

export interface OperationsServer extends AsyncDisposable {
  /** `http://127.0.0.1:9464` */
  readonly url: string
}

const CONNECTIONS_MAX = 64
const HEADER_BYTES_MAX = 8_192
const HEADERS_TIMEOUT_MS = 3_000
const REQUEST_TIMEOUT_MS = 10_000
/** Of a connection on which nothing moves while an answer is under way. */
const SILENT_TIMEOUT_MS = 30_000
/** Longer than a usual scrape interval, so that a scraper keeps its connection. */
const KEEP_ALIVE_MS = 75_000
/** An answer under way at the end gets this long. */
const CLOSE_TIMEOUT_MS = 1_000

/** @throws HTTP_LISTEN_FAILED */
export async function serveOperations(parts: OperationsParts): Promise<OperationsServer> {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void answer(parts, server, { request, response }),
  )
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = SILENT_TIMEOUT_MS
  await listen(server, parts)
  // Nothing that a client does to its connection may end the run.
  server.on('error', (error) => parts.log.warn({ error: error.message }, 'http: server error'))
  const { port, address, family } = server.address() as AddressInfo
  const host = family === 'IPv6' ? `[${address}]` : address
  return { url: `http://${host}:${port}`, [Symbol.asyncDispose]: () => close(server) }
}

async function listen(server: Server, { host, port }: OperationsParts): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (cause) {
    throw new TidemarkError('HTTP_LISTEN_FAILED', listenWords(`${host}:${port}`, cause), { cause })
  }
}

function listenWords(address: string, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return `http: ${address} is taken by another process, perhaps another tidemark. Name another port in \`http\`, or stop that process`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `http: ${address} is no address of this machine (${code}). Name one that is in \`http\`: 127.0.0.1 for this machine only, 0.0.0.0 for all`
    case 'EACCES':
      return `http: no right to listen at ${address}. Name a port above 1023 in \`http\``
    default:
      return `http: cannot listen at ${address}: ${message}. Name another address in \`http\``
  }
}

/** Idle connections at once; an answer under way is given a moment. */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS)
  await closed
  clearTimeout(timer)
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'

const INDEX = `tidemark
/metrics   for Prometheus
/healthz   200 while the loops turn and nothing is stuck, else 503 with the reasons
/readyz    200 while everything assigned is open, near the end of the log, and reaches its sinks
`

async function answer(
  parts: OperationsParts,
  server: Server,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Promise<void> {
  const { method = 'GET', url = '/' } = request
  const isRead = method === 'GET' || method === 'HEAD'
  // A body that nobody asked for is not waited for: the connection ends with the answer. So it does once the server ends.
  const hasBody =
    request.headers['content-length'] !== undefined ||
    request.headers['transfer-encoding'] !== undefined
  const { status, contentType, body } = isRead
    ? await route(parts, url.split('?', 1)[0] ?? '/')
    : { status: 405, contentType: TEXT, body: 'only GET and HEAD are answered\n' }
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 && { allow: 'GET, HEAD' }),
    ...((hasBody || !isRead || !server.listening) && { connection: 'close' }),
  })
  response.end(method === 'HEAD' ? undefined : body)
}

async function route({ metrics, health, log }: OperationsParts, path: string): Promise<Answer> {
  switch (path) {
    case '/':
      return { status: 200, contentType: TEXT, body: INDEX }
    case '/metrics':
      try {
        return { status: 200, contentType: metrics.contentType, body: await metrics.text() }
      } catch (error) {
        log.error({ error: String(error) }, 'http: /metrics failed')
        return { status: 500, contentType: TEXT, body: 'metrics cannot be read; see the log\n' }
      }
    case '/healthz':
      return verdictAnswer(health().healthy)
    case '/readyz':
      return verdictAnswer(health().ready)
    default:
      return { status: 404, contentType: TEXT, body: `there is no such page\n\n${INDEX}` }
  }
}

function verdictAnswer({ ok, reasons }: Verdict): Answer {
  const body = `${JSON.stringify({ ok, reasons })}\n`
  return { status: ok ? 200 : 503, contentType: JSON_TYPE, body }
}
