/**
 * A real Redis for tests: alone, under Sentinel (a master, a replica, three sentinels) or as a Cluster of three masters;
 * with TLS and with users where asked. Nothing is kept over a restart unless the settings say so.
 *
 *     await using redis = await startRedis({ directory, mode: 'sentinel' })
 *     await redis.node('data1').kill()      the replica takes over within two seconds
 */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificates } from './certificates.ts'
import { freePort, freePorts } from './ports.ts'
import { RedisNode } from './redis-node.ts'
import type { RedisAccess } from './redis-node.ts'

const MASTER = 'tidemark'
const WAIT_MS = 15_000
const POLL_MS = 50

/** Where values of a pipeline with the prefix `feat` live: the only keys that the user `writer` may touch. */
const WRITER_KEYS = '~feat:*'

export type RedisMode = 'standalone' | 'sentinel' | 'cluster'

export interface RedisOptions {
  /** Data, settings and logs; made where it is missing, left to the caller to delete. */
  readonly directory: string
  readonly mode?: RedisMode
  /** TLS instead of plaintext. */
  readonly tls?: boolean
  /** Users admin (everything) and writer (keys of `feat:`, nothing dangerous), password `NAME-secret`; no other gets in. */
  readonly acl?: boolean
  /** Of a standalone server; by default a free one. */
  readonly port?: number
  /** Further lines of redis.conf for the data servers, as `{ appendonly: 'yes' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** As a pipeline's definition has it. */
export type RedisAddresses =
  | { readonly kind: 'standalone'; readonly url: string }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly string[]; readonly master: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly string[] }

export interface RedisServer extends AsyncDisposable {
  readonly servers: RedisAddresses
  /** Of the first data server, for the user admin where there are users. */
  readonly url: string
  /** Path of the authority's PEM file. */
  readonly ca: string
  readonly nodes: readonly RedisNode[]
  /** `data1`; under Sentinel also `data2`, `sentinel1` to `sentinel3`; in a Cluster `data1` to `data3`. */
  node(name: string): RedisNode
  stop(): Promise<void>
}

export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const directory = path.resolve(options.directory)
  const tls = options.tls === true ? await makeCertificates(path.join(directory, 'tls')) : undefined
  const access: RedisAccess = { directory, tls, hasUsers: options.acl ?? false }
  const nodes: RedisNode[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  const make = async (name: string, port: number, lines: readonly string[]): Promise<RedisNode> => {
    const node = await createNode(access, name, port, lines)
    nodes.push(node)
    await node.start()
    return node
  }
  try {
    const servers = await START[options.mode ?? 'standalone'](make, access, options)
    return describe(servers, access, nodes, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

function describe(
  servers: RedisAddresses,
  access: RedisAccess,
  nodes: readonly RedisNode[],
  stop: () => Promise<void>,
): RedisServer {
  return {
    servers,
    url: servers.kind === 'standalone' ? servers.url : nodes[0]!.url,
    get ca() {
      if (access.tls === undefined) throw new Error('start this Redis with tls: true')
      return access.tls.ca
    },
    nodes,
    node: (name) => {
      const found = nodes.find((node) => node.name === name)
      if (found !== undefined) return found
      throw new Error(`there is no ${name} but ${nodes.map((node) => node.name).join(', ')}`)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

type Make = (name: string, port: number, lines: readonly string[]) => Promise<RedisNode>
type Start = (make: Make, access: RedisAccess, options: RedisOptions) => Promise<RedisAddresses>

const START: Readonly<Record<RedisMode, Start>> = {
  standalone: async (make, access, options) => {
    const port = options.port ?? (await freePort())
    const node = await make('data1', port, dataLines(access, options))
    return { kind: 'standalone', url: node.url }
  },
  sentinel: startSentinel,
  cluster: startCluster,
}

async function startSentinel(
  make: Make,
  access: RedisAccess,
  options: RedisOptions,
): Promise<RedisAddresses> {
  const [first = 0, second = 0, ...others] = await freePorts(5)
  const lines = dataLines(access, options)
  await make('data1', first, lines)
  const replica = await make('data2', second, [...lines, `replicaof 127.0.0.1 ${first}`])
  const sentinels = await Promise.all(
    others.map((port, index) =>
      make(`sentinel${index + 1}`, port, [
        `sentinel monitor ${MASTER} 127.0.0.1 ${first} 2`,
        `sentinel down-after-milliseconds ${MASTER} 500`,
        `sentinel failover-timeout ${MASTER} 2000`,
        ...(access.hasUsers
          ? [`sentinel auth-user ${MASTER} admin`, `sentinel auth-pass ${MASTER} admin-secret`]
          : []),
      ]),
    ),
  )
  await until('the replica follows the master', async () =>
    (await replica.cli('info', 'replication')).includes('master_link_status:up'),
  )
  // A failover needs sentinels that know the replica and each other.
  for (const sentinel of sentinels) {
    await until('the sentinels know each other', async () => {
      const quorum = await sentinel.cli('sentinel', 'ckquorum', MASTER)
      const replicas = await sentinel.cli('sentinel', 'replicas', MASTER)
      return quorum.startsWith('OK 3') && replicas.includes(`127.0.0.1:${second}`)
    })
  }
  return { kind: 'sentinel', sentinels: others.map((port) => `127.0.0.1:${port}`), master: MASTER }
}

async function startCluster(
  make: Make,
  access: RedisAccess,
  options: RedisOptions,
): Promise<RedisAddresses> {
  const ports = await freePorts(6)
  const nodes = await Promise.all(
    ports
      .slice(0, 3)
      .map((port, index) =>
        make(`data${index + 1}`, port, [
          ...dataLines(access, options),
          'cluster-enabled yes',
          `cluster-port ${ports[index + 3]}`,
          'cluster-node-timeout 2000',
          'cluster-config-file nodes.conf',
        ]),
      ),
  )
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  await nodes[0]!.cli('--cluster', 'create', ...addresses, '--cluster-yes')
  for (const node of nodes) {
    await until('the cluster serves every slot', async () =>
      (await node.cli('cluster', 'info')).includes('cluster_state:ok'),
    )
  }
  return { kind: 'cluster', nodes: addresses }
}

function dataLines({ hasUsers }: RedisAccess, { settings = {} }: RedisOptions): readonly string[] {
  const users = [
    'user default off',
    'user admin on >admin-secret ~* &* +@all',
    `user writer on >writer-secret ${WRITER_KEYS} &* +@all -@dangerous +info +cluster|slots +cluster|shards +cluster|nodes`,
    'masteruser admin',
    'masterauth admin-secret',
  ]
  return [
    'save ""',
    // A replica that has just started is served at once instead of after five seconds.
    'repl-diskless-sync-delay 0',
    ...(hasUsers ? users : []),
    ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
  ]
}

async function createNode(
  access: RedisAccess,
  name: string,
  port: number,
  lines: readonly string[],
): Promise<RedisNode> {
  const { directory, tls } = access
  const data = path.join(directory, name)
  await mkdir(data, { recursive: true })
  const secured = (at: { readonly certificate: string; readonly key: string; ca: string }) => [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${at.certificate}`,
    `tls-key-file ${at.key}`,
    `tls-ca-cert-file ${at.ca}`,
    'tls-auth-clients no',
    'tls-replication yes',
    'tls-cluster yes',
  ]
  const listening = tls === undefined ? [`port ${port}`] : secured(tls)
  // The file stands outside the data, which `wipe` empties: Sentinel keeps what it knows in it.
  const file = path.join(directory, `${name}.conf`)
  const settings = [`dir ${data}`, 'bind 127.0.0.1', ...listening, ...lines]
  await writeFile(file, settings.map((line) => `${line}\n`).join(''))
  return new RedisNode({ access, name, port, file, data })
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS
  for (;;) {
    const answer = await isTrue().catch(() => false)
    if (answer) return
    if (performance.now() > deadlineMs) throw new Error(`waited in vain until ${what}`)
    await sleep(POLL_MS)
  }
}
