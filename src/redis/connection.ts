/** From a pipeline's definition to what ioredis is told: addresses, user, TLS, time-outs. */
import { readFileSync } from 'node:fs'
import type { RedisOptions } from 'ioredis'
import type { RedisDefinition, TlsDefinition } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'

export interface RedisTimeouts {
  readonly connectMs: number
  /** A server that does not answer within it is given up and connected anew. */
  readonly commandMs: number
}

export const TIMEOUTS: RedisTimeouts = { connectMs: 3_000, commandMs: 5_000 }

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Place {
  /** Without secrets. */
  readonly title: string
  /** @throws ONLINE_REFUSED where a certificate cannot be read */
  options(): RedisOptions
}

/** The one server to talk to, or the one that the sentinels name. @throws DEFINITION_INVALID */
export function placeOf(
  definition: RedisDefinition,
  pipeline: string,
  { connectMs }: RedisTimeouts,
): Place {
  const { servers } = definition
  const common = { connectTimeout: connectMs, connectionName: `tidemark:${pipeline}` }
  if (servers.kind === 'sentinel') {
    const sentinels = servers.sentinels.map((address) => parseAddress(address, 26_379))
    return {
      title: `master ${servers.master} of the sentinels ${servers.sentinels.join(', ')}`,
      options: () => {
        const tls = definition.tls && tlsOptions(definition.tls)
        return {
          ...common,
          ...credentials(definition),
          sentinels,
          name: servers.master,
          ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
        }
      },
    }
  }
  if (servers.kind === 'cluster') {
    const [first = ''] = servers.nodes
    return nodePlace(definition, pipeline, parseAddress(first, 6_379), { connectMs })
  }
  const url = parseUrl(servers.url)
  const user = decodeURIComponent(url.username)
  const password = decodeURIComponent(url.password)
  const given = { ...(user && { username: user }), ...(password && { password }) }
  const isTls = url.protocol === 'rediss:'
  const db = Number(url.pathname.slice(1) || '0')
  const { hostname, port } = url
  const host = hostname.replace(/^\[|\]$/g, '')
  return {
    title: `${hostname}:${port || '6379'}`,
    options: () => ({
      ...common,
      host,
      port: Number(port || '6379'),
      db,
      ...given,
      ...credentials(definition),
      ...((isTls || definition.tls) && { tls: tlsOptions(definition.tls ?? {}) }),
    }),
  }
}

/** A node of a Cluster. */
export function nodePlace(
  definition: RedisDefinition,
  pipeline: string,
  { host, port }: Address,
  { connectMs }: Pick<RedisTimeouts, 'connectMs'>,
): Place {
  return {
    title: `${host}:${port}`,
    options: () => ({
      host,
      port,
      connectTimeout: connectMs,
      connectionName: `tidemark:${pipeline}`,
      ...credentials(definition),
      ...(definition.tls && { tls: tlsOptions(definition.tls) }),
    }),
  }
}

/** `host:port`, `[::1]:6379`; the port may be missing. */
export function parseAddress(text: string, port: number): Address {
  const found = /^\[?(.*?)\]?(?::(\d+))?$/.exec(text)
  return { host: found?.[1] ?? text, port: Number(found?.[2] ?? port) }
}

function credentials({ username, password }: RedisDefinition): Partial<RedisOptions> {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^rediss?:$/.test(url.protocol) && /^\/?\d*$/.test(url.pathname)) return url
  // The URL may hold a password and is not shown.
  throw new TidemarkError(
    'DEFINITION_INVALID',
    'sinks.online.redis: expected redis://user:password@host:6379/0, or rediss:// for TLS',
  )
}

function tlsOptions({ ca, certificate, key }: TlsDefinition): NonNullable<RedisOptions['tls']> {
  return {
    ...(ca !== undefined && { ca: readPem('tls.ca', ca) }),
    ...(certificate !== undefined && { cert: readPem('tls.certificate', certificate) }),
    ...(key !== undefined && { key: readPem('tls.key', key) }),
  }
}

function readPem(what: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError(
      'ONLINE_REFUSED',
      `sinks.online.redis.${what}: cannot read ${file}: ${reason}. Give the file to the user that runs tidemark, or name another one`,
      { cause },
    )
  }
}
