/**
 * `npm run stack`: what docker-compose.yml starts, on a machine without Docker: Kafka, Redis, Prometheus (and a schema
 * registry with --registry), an endless producer of shop events, and tidemark on them. Data stays in ./stack-data, so
 * that the next start goes on. Ctrl-C stops all of it: first who writes, then what is written to.
 *
 *     npm run stack -- [--rate 20] [--registry] [--data stack-data]
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { answersOk } from './http-ready.ts'
import { startKafka } from './kafka.ts'
import { preferredPort } from './ports.ts'
import { startPrometheus } from './prometheus.ts'
import { startRedis } from './redis.ts'
import { startRegistry } from './registry.ts'
import { ServerProcess } from './server-process.ts'

const ROOT = path.dirname(import.meta.dirname)
const PIPELINE = 'examples/shop/tidemark.yaml'
const DEFAULT_DATA = 'stack-data'

/** The pipeline's defaults, where they are free. */
const PORTS = { kafka: 19_092, redis: 16_379, registry: 18_081, prometheus: 19_090, http: 9_464 }

interface StackOptions {
  readonly rate: string
  readonly registry: boolean
  readonly data: string
}

function readOptions(args: readonly string[]): StackOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: '20' },
        registry: { type: 'boolean', default: false },
        data: { type: 'string', default: DEFAULT_DATA },
      },
    })
    return values
  } catch {
    return undefined
  }
}

/** What runs, in the order of its start. */
class Stack {
  readonly #running: { readonly name: string; readonly stop: () => Promise<void> }[] = []
  readonly #over = new AbortController()

  async start<T extends { stop: () => Promise<void> }>(
    name: string,
    start: () => Promise<T>,
  ): Promise<T> {
    const startedMs = performance.now()
    this.#over.signal.throwIfAborted()
    const server = await start()
    if (this.#over.signal.aborted) await server.stop()
    this.#running.push({ name, stop: () => server.stop() })
    console.log(`${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`)
    return server
  }

  /** Also what is still starting stops, when it has started. */
  async stop(): Promise<void> {
    this.#over.abort()
    for (const { name, stop } of this.#running.splice(0).reverse()) {
      await stop()
      console.log(`${name} stopped`)
    }
  }
}

async function startAll(stack: Stack, options: StackOptions): Promise<ServerProcess> {
  const data = path.resolve(options.data)
  const at = (name: string): string => path.join(data, name)
  const kafka = await stack.start('Kafka', async () =>
    startKafka({ directory: at('kafka'), port: await preferredPort(PORTS.kafka) }),
  )
  const redis = await stack.start('Redis', async () =>
    startRedis({
      directory: at('redis'),
      port: await preferredPort(PORTS.redis),
      settings: { appendonly: 'yes', 'maxmemory-policy': 'noeviction' },
    }),
  )
  const registry = options.registry
    ? await stack.start('schema registry', async () =>
        startRegistry({ directory: at('registry'), port: await preferredPort(PORTS.registry) }),
      )
    : undefined
  const http = `127.0.0.1:${await preferredPort(PORTS.http)}`
  const prometheus = await stack.start('Prometheus', async () =>
    startPrometheus({
      directory: at('prometheus'),
      configuration: path.join(ROOT, 'deploy', 'prometheus'),
      targets: [http],
      port: await preferredPort(PORTS.prometheus),
    }),
  )
  const environment = {
    KAFKA_BROKERS: kafka.bootstrap,
    REDIS_URL: redis.url,
    TIDEMARK_DATA: at('tidemark'),
    TIDEMARK_HTTP: http,
  }
  await stack.start('events', () => startGenerator(at('events'), environment, options.rate))
  const tidemark = await stack.start('tidemark', () => startTidemark(at('tidemark'), environment))
  const more = registry === undefined ? [] : [`schema registry  ${registry.url}`]
  console.log(nextWords({ environment, prometheus: prometheus.url, data, more }))
  return tidemark
}

type Environment = Readonly<Record<string, string>>

async function startGenerator(
  directory: string,
  environment: Environment,
  rate: string,
): Promise<ServerProcess> {
  const generator = new ServerProcess({
    name: 'the event generator',
    command: process.execPath,
    args: ['--import', 'tsx', 'examples/shop/generator.ts', '--rate', rate],
    directory: ROOT,
    environment,
    log: path.join(directory, 'log'),
    ready: (log) => log.includes('events/s to'),
  })
  await generator.start()
  return generator
}

async function startTidemark(directory: string, environment: Environment): Promise<ServerProcess> {
  const main = ['--max-semi-space-size=32', '--import', 'tsx', 'src/cli/main.ts']
  const tidemark = new ServerProcess({
    name: 'tidemark',
    command: process.execPath,
    args: [...main, 'run', '-f', PIPELINE],
    directory: ROOT,
    environment,
    log: path.join(directory, 'log'),
    ready: () => answersOk(`http://${environment['TIDEMARK_HTTP'] ?? ''}/healthz`),
  })
  await tidemark.start()
  return tidemark
}

interface NextWords {
  readonly environment: Environment
  readonly prometheus: string
  readonly data: string
  readonly more: readonly string[]
}

function nextWords({ environment, prometheus, data, more }: NextWords): string {
  const { KAFKA_BROKERS: kafka, REDIS_URL: redis, TIDEMARK_HTTP: http } = environment
  const shown = path.relative(ROOT, data)
  const isDefault =
    kafka === `127.0.0.1:${PORTS.kafka}` &&
    redis === `redis://127.0.0.1:${PORTS.redis}` &&
    shown === DEFAULT_DATA
  const exports = Object.entries(environment).map(([name, value]) => `  export ${name}=${value}`)
  const tidemark = (words: string): string => `  npx tidemark ${words} -f ${PIPELINE}`
  return [
    '',
    `Kafka            ${kafka ?? ''}, topic shop.events`,
    `Redis            ${redis ?? ''}`,
    `Prometheus       ${prometheus}`,
    `tidemark         http://${http ?? ''}/metrics, /healthz, /readyz; log in ${shown}/tidemark/log`,
    ...more,
    '',
    'Next, in another terminal:',
    ...(isDefault ? [] : exports),
    tidemark('status'),
    tidemark('get user_activity user_id=u07'),
    tidemark('late list'),
    tidemark('doctor'),
    `  redis-cli -u ${redis ?? ''} --scan --pattern 'shop:*' | head`,
    `  promtool query instant ${prometheus} 'up{job="tidemark"}'`,
    '',
    'Ctrl-C stops all of it; the next start goes on where this one was.',
  ].join('\n')
}

/** Programs that are missing are installed or told. */
function ensurePrograms(): boolean {
  const args = ['--import', 'tsx', 'servers/install.ts', '--stack']
  return spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status === 0
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) {
    process.stderr.write('usage: npm run stack -- [--rate N] [--registry] [--data DIRECTORY]\n')
    return 2
  }
  if (!ensurePrograms()) return 1
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => resolve('interrupted'))
  })
  const stack = new Stack()
  try {
    const started = startAll(stack, options)
    // Rejections are seen below; what began to start is stopped in any case.
    started.catch(() => undefined)
    const tidemark = await Promise.race([started, interrupted])
    if (tidemark === 'interrupted') return 0
    const over = await Promise.race([tidemark.ended(), interrupted])
    if (over === 'interrupted') return 0
    process.stderr.write(`tidemark ended by itself:\n${tidemark.lastLines()}\n`)
    return 1
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    console.log('')
    await stack.stop()
  }
}

process.exitCode = await main()
