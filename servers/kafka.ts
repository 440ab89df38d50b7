/**
 * A real Kafka for tests: one broker or three (each is controller too, so that any one may die), plaintext, with TLS,
 * SASL and access lists where asked, and behind a proxy where asked. About a second to start.
 *
 *     await using kafka = await startKafka({ directory })
 *     await kafka.node(1).kill()
 *     await kafka.node(1).start()      the same data, the same ports
 */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { makeCertificates } from './certificates.ts'
import type { Certificates } from './certificates.ts'
import { run } from './command.ts'
import { copyTemplate, javaArgs, kafkaJars, kafkaUuid } from './kafka-jars.ts'
import type { KafkaJars } from './kafka-jars.ts'
import { propertiesText } from './kafka-settings.ts'
import type { ClusterPlan, NodePlan } from './kafka-settings.ts'
import { freePorts } from './ports.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerNode } from './server-process.ts'
import { TcpProxy } from './tcp-proxy.ts'

export interface KafkaOptions {
  /** Data, settings and logs; data that is there is used. The caller deletes it. */
  readonly directory: string
  readonly nodes?: 1 | 3
  /** Listeners with TLS, and access lists on them. */
  readonly secure?: boolean
  /** A listener whose brokers are reached through a proxy each. */
  readonly proxied?: boolean
  /** Of the first node, plaintext; by default a free one. */
  readonly port?: number
  /** Further lines of server.properties. */
  readonly settings?: Readonly<Record<string, string>>
}

export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const jars = await kafkaJars()
  const directory = path.resolve(options.directory)
  const nodes = await planNodes(directory, options)
  const isProxied = options.proxied ?? false
  const certificates =
    options.secure === true ? await makeCertificates(path.join(directory, 'tls')) : undefined
  const plan = { nodes, certificates, isProxied, settings: options.settings ?? {} }
  const clusterId = kafkaUuid()
  const processes = await Promise.all(nodes.map((node) => prepare(jars, plan, node, clusterId)))
  const proxies = isProxied ? await startProxies(nodes) : []
  const server = new KafkaServer({ jars, plan, nodes: processes, proxies })
  try {
    await Promise.all(processes.map((process) => process.start()))
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

interface Parts {
  readonly jars: KafkaJars
  readonly plan: ClusterPlan
  readonly nodes: readonly ServerNode[]
  readonly proxies: readonly TcpProxy[]
}

export class KafkaServer implements AsyncDisposable {
  readonly nodes: readonly ServerNode[]
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.nodes = parts.nodes
    this.#parts = parts
  }

  /** Plaintext. Who connects here may do everything, also make access lists. */
  get bootstrap(): string {
    return this.#list('127.0.0.1', (node) => node.plaintext)
  }

  /**
   * TLS with PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512: users admin (may do everything) and alice (nothing until an access
   * list allows it), password `NAME-secret`. `ca` is the path of a PEM file.
   */
  get sasl(): { readonly bootstrap: string; readonly ca: string } {
    const { ca } = this.#certificates
    return { bootstrap: this.#list('localhost', (node) => node.sasl), ca }
  }

  /** TLS with a client certificate; this one's user is alice. Paths of PEM files. */
  get mutual(): Record<'bootstrap' | 'ca' | 'certificate' | 'key', string> {
    const { ca, client } = this.#certificates
    return { bootstrap: this.#list('localhost', (node) => node.mutual), ca, ...client }
  }

  /** Every broker behind the proxy of its number, from 1. */
  get proxied(): { readonly bootstrap: string; readonly proxy: (id: number) => TcpProxy } {
    const { proxies } = this.#parts
    if (proxies.length === 0) throw new Error('start this Kafka with proxied: true')
    const bootstrap = this.#list('127.0.0.1', (node) => node.proxied.announced)
    return { bootstrap, proxy: (id) => numbered(proxies, id) }
  }

  /** From 1. */
  node(id: number): ServerNode {
    return numbered(this.nodes, id)
  }

  /** Runs a class of Kafka's own tools, as `org.apache.kafka.tools.TopicCommand`, and gives its output. */
  async tool(name: string, ...args: readonly string[]): Promise<string> {
    const { jars, archive } = this.#parts.jars
    const classes = `-XX:SharedArchiveFile=${archive}`
    return run('java', ...(await javaArgs(jars, classes, name, ...args)))
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    await Promise.all(this.#parts.proxies.map((proxy) => proxy.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get #certificates(): Certificates {
    const { certificates } = this.#parts.plan
    if (certificates === undefined) throw new Error('start this Kafka with secure: true')
    return certificates
  }

  #list(host: string, port: (node: NodePlan) => number): string {
    return this.#parts.plan.nodes.map((node) => `${host}:${port(node)}`).join(',')
  }
}

async function planNodes(
  directory: string,
  { nodes = 1, port }: KafkaOptions,
): Promise<readonly NodePlan[]> {
  const plans: NodePlan[] = []
  for (let id = 1; id <= nodes; id += 1) {
    const ports = await freePorts(6)
    const [free = 0, controller = 0, sasl = 0, mutual = 0, listens = 0, announced = 0] = ports
    const plaintext = id === 1 && port !== undefined ? port : free
    const proxied = { listens, announced }
    const place = path.join(directory, `node${id}`)
    plans.push({ id, directory: place, plaintext, controller, sasl, mutual, proxied })
  }
  return plans
}

async function prepare(
  jars: KafkaJars,
  plan: ClusterPlan,
  node: NodePlan,
  clusterId: string,
): Promise<ServerProcess> {
  await mkdir(node.directory, { recursive: true })
  const properties = path.join(node.directory, 'server.properties')
  await writeFile(properties, propertiesText(plan, node))
  await copyTemplate(jars.template, { ...node, clusterId })
  const classes = `-XX:SharedArchiveFile=${jars.archive}`
  return new ServerProcess({
    name: `Kafka node ${node.id}`,
    command: 'java',
    args: await javaArgs(jars.jars, classes, 'kafka.Kafka', properties),
    log: path.join(node.directory, 'log'),
    // It says so once the broker takes requests, not before.
    ready: (log) => log.includes('Kafka Server started'),
  })
}

async function startProxies(nodes: readonly NodePlan[]): Promise<readonly TcpProxy[]> {
  return Promise.all(nodes.map(({ proxied }) => TcpProxy.start(proxied.listens, proxied.announced)))
}

function numbered<T>(items: readonly T[], id: number): T {
  const item = items[id - 1]
  if (item === undefined) throw new Error(`there is no node ${id}: they count from 1`)
  return item
}
