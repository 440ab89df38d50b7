/** `sinks.online.redis` of the file -> the servers and how they are reached. */
import type { RedisDefinition, RedisServers, TlsDefinition } from '../core/definition.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import { resolveAddresses, resolveTls } from './resolve-connection.ts'
import type { RedisFile } from './schema.ts'

const AT: Path = ['sinks', 'online', 'redis']
const FORMS = ['url', 'sentinels', 'cluster'] as const

interface RedisSurroundings {
  readonly prefix: string
  readonly directory: string
  readonly report: Report
}

export function resolveRedis(
  file: RedisFile,
  { prefix, directory, report }: RedisSurroundings,
): RedisDefinition {
  if (typeof file === 'string') {
    const tls = tlsOf(parseUrl(file, AT, report), undefined)
    return {
      kind: 'redis',
      servers: { kind: 'standalone', url: file },
      ...(tls && { tls }),
      prefix,
    }
  }
  checkForms(file, report)
  const url = file.url === undefined ? undefined : parseUrl(file.url, [...AT, 'url'], report)
  checkUser(file, url, report)
  if (file.tls === false && url?.protocol === 'rediss:') {
    report.add([...AT, 'tls'], 'expected no `tls: false` beside a URL that begins with rediss://')
  }
  const tls = tlsOf(url, resolveTls(file.tls, [...AT, 'tls'], { directory, report }))
  return {
    kind: 'redis',
    servers: serversOf(file, report),
    ...(file.username !== undefined && { username: file.username }),
    ...(file.password !== undefined && { password: file.password }),
    ...(tls && { tls }),
    prefix,
  }
}

/** rediss:// is TLS, with the system's authorities where nothing more is said. */
function tlsOf(url: URL | undefined, tls: TlsDefinition | undefined): TlsDefinition | undefined {
  return tls ?? (url?.protocol === 'rediss:' ? {} : undefined)
}

function parseUrl(text: string, at: Path, report: Report): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    // Not the value: it may hold a password.
    report.add(at, 'expected a URL that begins with redis:// or rediss:// and names a host')
    return undefined
  }
  if (!/^\/?\d*$/.test(url.pathname)) {
    report.add(at, 'expected the number of a database, or nothing, after the host of the URL')
  }
  return url
}

function checkForms(file: Exclude<RedisFile, string>, report: Report): void {
  const given = FORMS.filter((form) => file[form] !== undefined)
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none' : given.map((form) => `\`${form}\``).join(' and ')
    const forms = 'expected one of `url`, `sentinels` (with `master`) and `cluster`'
    report.add(AT, `${forms}, found ${found}`, 'key')
  }
  if ((file.sentinels === undefined) === (file.master === undefined)) return
  if (file.master === undefined) {
    report.add(
      [...AT, 'sentinels'],
      'expected `master` beside `sentinels`: the name that they watch the server under',
      'key',
    )
  } else report.add([...AT, 'master'], 'expected only beside `sentinels`', 'key')
}

function checkUser(file: Exclude<RedisFile, string>, url: URL | undefined, report: Report): void {
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    for (const name of ['username', 'password'] as const) {
      if (file[name] !== undefined) {
        report.add(
          [...AT, name],
          'expected the user either in the URL or beside it, found both',
          'key',
        )
      }
    }
  }
  if (file.username !== undefined && file.password === undefined) {
    report.add([...AT, 'username'], 'expected `password` beside `username`', 'key')
  }
}

function serversOf(file: Exclude<RedisFile, string>, report: Report): RedisServers {
  const { url = '', sentinels, master = '', cluster } = file
  if (sentinels !== undefined) {
    const addresses = resolveAddresses(sentinels, [...AT, 'sentinels'], report)
    return { kind: 'sentinel', sentinels: addresses, master }
  }
  if (cluster !== undefined) {
    return { kind: 'cluster', nodes: resolveAddresses(cluster, [...AT, 'cluster'], report) }
  }
  return { kind: 'standalone', url }
}
