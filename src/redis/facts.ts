/**
 * What `tidemark doctor` asks the servers of an online store: version, memory, persistence, clock, role, user; and what is
 * wrong with the answers. Also the least rights of a user, as a line to paste.
 */
import type { RedisDefinition } from '../core/definition.ts'
import { TIMEOUTS } from './connection.ts'
import type { RedisTimeouts } from './connection.ts'
import { Layout, escapePattern } from './layout.ts'
import { openServers } from './open-servers.ts'
import type { RedisNode } from './node.ts'
import { ServerError, textOf } from './reply.ts'

export interface RedisServerFacts {
  /** `host:port`, or the master's name under Sentinel. */
  readonly server: string
  readonly version: string
  readonly role: string
  readonly memoryPolicy: string
  readonly usedBytes: number
  /** 0: no limit. */
  readonly maxBytes: number
  readonly evictedKeys: number
  readonly hasAppendOnlyFile: boolean
  readonly replicas: number
  /** The server's clock less our own. */
  readonly clockAheadMs: number
  /** Undefined where the user may not ask. */
  readonly user: string | undefined
}

export interface RedisFinding {
  readonly verdict: 'ok' | 'warning' | 'problem'
  readonly detail: string
  readonly advice?: string
}

interface FactsOptions {
  readonly pipeline: string
  readonly wallMs: () => number
  readonly timeouts?: RedisTimeouts
}

const OLDEST = [6, 2] as const
const CLOCK_APART_MS = 2_000
const MEMORY_SHARE = 0.9

/** One per master. @throws ONLINE_UNAVAILABLE, ONLINE_REFUSED */
export async function redisFacts(
  definition: RedisDefinition,
  { pipeline, wallMs, timeouts }: FactsOptions,
): Promise<readonly RedisServerFacts[]> {
  await using servers = openServers(definition, {
    pipeline,
    root: new Layout(definition.prefix, pipeline).root,
    timeouts: timeouts ?? TIMEOUTS,
    monotonicMs: () => performance.now(),
    isMasterWanted: false,
  })
  const masters = await servers.masters()
  return await Promise.all(masters.map(({ node }) => factsOf(node, wallMs)))
}

async function factsOf(node: RedisNode, wallMs: () => number): Promise<RedisServerFacts> {
  const askedMs = wallMs()
  const time = await node.ask('TIME')
  const clockAheadMs = serverMs(time) - (askedMs + wallMs()) / 2
  const info = new Map<string, string>()
  for (const line of textOf(await node.ask('INFO')).split('\r\n')) {
    const at = line.indexOf(':')
    if (at > 0) info.set(line.slice(0, at), line.slice(at + 1))
  }
  const [user] = await node.send([['ACL', 'WHOAMI']])
  const number = (name: string): number => Number(info.get(name) ?? 0)
  return {
    server: node.title,
    version: info.get('redis_version') ?? 'unknown',
    role: info.get('role') ?? 'unknown',
    memoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    usedBytes: number('used_memory'),
    maxBytes: number('maxmemory'),
    evictedKeys: number('evicted_keys'),
    hasAppendOnlyFile: info.get('aof_enabled') === '1',
    replicas: number('connected_slaves'),
    clockAheadMs: Math.round(clockAheadMs),
    user: user instanceof ServerError ? undefined : textOf(user),
  }
}

function serverMs(time: unknown): number {
  const [seconds = NaN, micros = NaN] = Array.isArray(time) ? time.map(Number) : []
  return seconds * 1_000 + micros / 1_000
}

/** What an operator should know about a server; at least one line. */
export function judgeRedis(facts: RedisServerFacts): readonly RedisFinding[] {
  const findings: RedisFinding[] = []
  const warn = (detail: string, advice: string): void => {
    findings.push({ verdict: 'warning', detail, advice })
  }
  if (!isNewEnough(facts.version)) {
    findings.push({
      verdict: 'problem',
      detail: `Redis ${facts.version}`,
      advice: `run Redis ${OLDEST.join('.')} or newer`,
    })
  }
  if (facts.role !== 'master') {
    findings.push({
      verdict: 'problem',
      detail: `it is a ${facts.role === 'slave' ? 'replica' : facts.role}`,
      advice: 'name the master in sinks.online.redis',
    })
  }
  if (facts.memoryPolicy !== 'noeviction') {
    warn(
      `memory policy ${facts.memoryPolicy}: when memory is full, values vanish without an error`,
      'set maxmemory-policy noeviction',
    )
  }
  if (facts.evictedKeys > 0) {
    warn(
      `${facts.evictedKeys} keys evicted since it started`,
      'set maxmemory-policy noeviction and more memory, then `tidemark online rebuild`',
    )
  }
  if (facts.maxBytes > 0 && facts.usedBytes > facts.maxBytes * MEMORY_SHARE) {
    warn(
      `memory ${Math.round((facts.usedBytes / facts.maxBytes) * 100)} % full`,
      'raise maxmemory, or shorten the ttl of views',
    )
  }
  if (Math.abs(facts.clockAheadMs) > CLOCK_APART_MS) {
    warn(
      `its clock is ${Math.abs(facts.clockAheadMs)} ms ${facts.clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
      'run NTP on both: idle partitions tick by the slower of the two',
    )
  }
  if (!facts.hasAppendOnlyFile && facts.replicas === 0) {
    findings.push({
      verdict: 'ok',
      detail:
        'no append-only file and no replica: after a crash every value is told again from the state',
    })
  }
  if (findings.length > 0) return findings
  return [{ verdict: 'ok', detail: `Redis ${facts.version}, ${facts.memoryPolicy}` }]
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

/** A user that can do what a run does, and nothing else: for `redis-cli`, or `user` lines of an ACL file. */
export function leastRights(definition: RedisDefinition, pipeline: string): string {
  const { root } = new Layout(definition.prefix, pipeline)
  const rights = [...RIGHTS, ...(definition.servers.kind === 'cluster' ? CLUSTER_RIGHTS : [])]
  const user = definition.username ?? 'tidemark'
  const keys = quotedWord(`~${escapePattern(root)}*`)
  return `ACL SETUSER ${user} reset on >PASSWORD ${keys} ${rights.join(' ')}`
}

const RIGHTS = [
  ...['+evalsha', '+script|load', '+hmget', '+hset', '+hlen', '+hdel', '+del', '+pexpire'],
  ...['+hgetall', '+hget', '+pttl', '+scan', '+time', '+info', '+client|setname', '+acl|whoami'],
] as const
const CLUSTER_RIGHTS = ['+cluster|slots', '+asking'] as const

/** As redis-cli takes it. */
function quotedWord(text: string): string {
  return /[\s"'\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text
}
