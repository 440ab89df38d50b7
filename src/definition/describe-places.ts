/** Where a pipeline reads from and writes to, as plain JSON in the form of the file. Passwords are hidden. */
import type {
  CheckpointDefinition,
  HttpDefinition,
  OnlineDefinition,
  Pipeline,
  RedisDefinition,
  SaslDefinition,
  StorageLocation,
  TlsDefinition,
} from '../core/definition.ts'
import { formatInstant } from '../core/instant.ts'
import { locationText } from '../storage/location.ts'
import { HIDDEN, withoutPassword } from './secret.ts'
import { formatDuration } from './units.ts'

export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export function describeLog(log: Pipeline['source']['log']): Record<string, Json> {
  if (log.kind === 'files') {
    const { directory, timestamp } = log
    return {
      files: timestamp === undefined ? directory : { directory, timestamp: timestamp.join('.') },
    }
  }
  return {
    kafka: {
      brokers: log.brokers,
      topic: log.topic,
      start: typeof log.start === 'number' ? formatInstant(log.start) : log.start,
      group: log.group,
      sessionTimeout: formatDuration(log.sessionTimeoutMs),
      ...describeTls(log.tls),
      ...(log.sasl && { sasl: describeSasl(log.sasl) }),
      trustProducerClock: log.trustProducerClock,
    },
  }
}

export function describeOnline(online: OnlineDefinition): Json {
  const { prefix, scanRate } = online
  const rest = { prefix, ...(scanRate !== undefined && { scanRate }) }
  return online.kind === 'leveldb'
    ? { leveldb: online.directory, ...rest }
    : { redis: describeRedis(online), ...rest }
}

function describeRedis({ servers, username, password, tls }: RedisDefinition): Json {
  return {
    ...describeServers(servers),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: HIDDEN }),
    ...describeTls(tls),
  }
}

function describeServers(servers: RedisDefinition['servers']): Record<string, Json> {
  switch (servers.kind) {
    case 'standalone':
      return { url: withoutPassword(servers.url) }
    case 'sentinel':
      return { sentinels: servers.sentinels, master: servers.master }
    case 'cluster':
      return { cluster: servers.nodes }
  }
}

function describeTls(tls: TlsDefinition | undefined): Record<string, Json> {
  if (tls === undefined) return {}
  return { tls: Object.keys(tls).length === 0 ? true : { ...tls } }
}

function describeSasl({ mechanism, username }: SaslDefinition): Json {
  return { mechanism, username, password: HIDDEN }
}

export function describeHttp({ host, port, readyLagMax }: HttpDefinition): Json {
  return {
    listen: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    readyLag: readyLagMax,
  }
}

export function describeCheckpoints(checkpoints: CheckpointDefinition): Json {
  const { location, everyMs, keep, keepForMs } = checkpoints
  return {
    store: locationText(location),
    every: formatDuration(everyMs),
    keep,
    keepFor: formatDuration(keepForMs),
  }
}

/** What the places in S3 share; nothing where there are none. */
export function describeS3({ sinks, checkpoints }: Pipeline): Record<string, Json> {
  const places = [sinks.offline?.location, checkpoints?.location]
  const found = places.find((each): each is S3Location => each?.kind === 's3')
  if (found === undefined) return {}
  const { endpoint, region, pathStyle } = found
  return {
    s3: {
      ...(endpoint !== undefined && { endpoint }),
      ...(region !== undefined && { region }),
      pathStyle,
    },
  }
}

type S3Location = Extract<StorageLocation, { kind: 's3' }>
