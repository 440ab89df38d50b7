/**
 * What Redis, TLS and the network say, in words for the operator: what happened, where, what to do. ONLINE_UNAVAILABLE is tried
 * again for ever; ONLINE_REFUSED stops, because only a person can mend it. Never carries what was sent: commands hold
 * passwords and people's values.
 */
import { TidemarkError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { ServerError } from './reply.ts'

type OnlineCode = Extract<ErrorCode, 'ONLINE_UNAVAILABLE' | 'ONLINE_REFUSED'>
type Rule = readonly [pattern: RegExp, code: OnlineCode, advice: string]

const RIGHTS = '`tidemark doctor` prints the least rights as an ACL SETUSER line'
const CREDENTIALS = 'check username and password of sinks.online.redis'

/** First match counts. */
const REFUSALS: readonly Rule[] = [
  [/^LOADING/, 'ONLINE_UNAVAILABLE', 'it loads its data; it will serve when that is done'],
  [
    /^READONLY/,
    'ONLINE_UNAVAILABLE',
    'it is a replica, now or for good: after a failover the next connection finds the master; else point sinks.online.redis at the master',
  ],
  [
    /^CLUSTERDOWN/,
    'ONLINE_UNAVAILABLE',
    'the cluster lacks masters for some slots: bring them back, or let their replicas take over',
  ],
  [/^(TRYAGAIN|MOVED|ASK)/, 'ONLINE_UNAVAILABLE', 'slots are moving between masters'],
  [/^MASTERDOWN/, 'ONLINE_UNAVAILABLE', 'it is a replica whose master is away'],
  [
    /^BUSY/,
    'ONLINE_UNAVAILABLE',
    'another script holds it up: wait for its end, or SCRIPT KILL it',
  ],
  [
    /^MISCONF/,
    'ONLINE_UNAVAILABLE',
    'it cannot save its data and takes no writes until it can: look at its log and its disk',
  ],
  [
    /^NOREPLICAS/,
    'ONLINE_UNAVAILABLE',
    'too few replicas follow it (min-replicas-to-write): bring them back',
  ],
  [
    /max number of clients/,
    'ONLINE_UNAVAILABLE',
    'its connections are used up: raise maxclients or close some',
  ],
  [
    /^OOM/,
    'ONLINE_REFUSED',
    'its memory is full: raise maxmemory, or make room (other data; views with a shorter ttl), then start again. Do not set a policy that evicts: it would silently drop values',
  ],
  [/^NOPERM|executing the script can't/, 'ONLINE_REFUSED', `the user lacks a right: ${RIGHTS}`],
  [/^(NOAUTH|DENIED)/, 'ONLINE_REFUSED', `it wants a user or a password: ${CREDENTIALS}`],
  [
    /^WRONGPASS|invalid password|invalid username-password/,
    'ONLINE_REFUSED',
    `it does not know this user or password: ${CREDENTIALS}`,
  ],
  [
    /^WRONGTYPE/,
    'ONLINE_REFUSED',
    'a key of this pipeline holds a value of another type: another program writes under the same prefix. Give the pipeline a prefix of its own (sinks.online.prefix), or delete that key',
  ],
  [
    /^CROSSSLOT|cluster support disabled/,
    'ONLINE_REFUSED',
    'it is a Cluster where sinks.online.redis names a single server, or the reverse: name what it is',
  ],
  [/unknown (sub)?command/i, 'ONLINE_REFUSED', 'it lacks a command: Redis 6.2 or newer is needed'],
  [/DB index is out of range/, 'ONLINE_REFUSED', 'it has no such database: check the URL'],
]

/** What connecting and talking may end with. */
const TROUBLES: readonly Rule[] = [
  ...REFUSALS.filter(([pattern]) => !/MOVED|CROSSSLOT/.test(pattern.source)),
  [
    /self[- ]signed|unable to (get|verify)|certificate has expired|CERT_|altnames|not yet valid/i,
    'ONLINE_REFUSED',
    "its certificate is not trusted: name the authority's file (sinks.online.redis.tls.ca), and the host by the name in the certificate",
  ],
  [
    /wrong version number|packet length too long|EPROTO/i,
    'ONLINE_REFUSED',
    'it does not speak TLS at this port: name the TLS port, or use redis:// and no tls',
  ],
  [
    /alert|handshake failure|certificate required/i,
    'ONLINE_REFUSED',
    "TLS failed: where the server asks for the client's certificate, name it (tls.certificate, tls.key)",
  ],
  [
    /ENOTFOUND|EAI_/,
    'ONLINE_UNAVAILABLE',
    'its name cannot be resolved: check the host and the name service',
  ],
  [
    /sentinels are unreachable/,
    'ONLINE_UNAVAILABLE',
    'no sentinel tells where the master is: check sentinels, their TLS, and the name of the master',
  ],
  [/ECONNREFUSED/, 'ONLINE_UNAVAILABLE', 'nothing listens there: start it, or check host and port'],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/,
    'ONLINE_UNAVAILABLE',
    'it cannot be reached: check host, port, firewall and, with TLS, that the port speaks it',
  ],
]

/** An answer that refuses a command. */
export function refusal({ message }: ServerError, server: string): TidemarkError {
  const rule = REFUSALS.find(([pattern]) => pattern.test(message))
  const [, code, advice] = rule ?? [
    undefined,
    'ONLINE_REFUSED' as const,
    'see the message and the log of the server',
  ]
  return told(code, server, `answers ${quoted(message)}`, advice)
}

/** A connection that could not be made, or broke. */
export function trouble(
  message: string,
  server: string,
  more: readonly string[] = [],
): TidemarkError {
  const rule = TROUBLES.find(([pattern]) => pattern.test(message))
  const text = [message, ...more.filter((one) => one !== message).slice(0, 3)]
    .map(quoted)
    .join('; ')
  const [, code, advice] = rule ?? [
    undefined,
    'ONLINE_UNAVAILABLE' as const,
    'the connection ended; where that happens at once, the port may speak TLS: rediss://, or tls',
  ]
  return told(code, server, `is not to be talked to: ${text}`, advice)
}

export function noAnswer(server: string, afterMs: number): TidemarkError {
  return told(
    'ONLINE_UNAVAILABLE',
    server,
    `has not answered for ${afterMs / 1_000} s`,
    'it hangs, is overloaded or cut off: look at its log, SLOWLOG and the network',
  )
}

export function wrongRole(server: string): TidemarkError {
  return told(
    'ONLINE_UNAVAILABLE',
    server,
    'is a replica',
    'a failover is under way, or sinks.online.redis names a replica: name the master',
  )
}

export function movingSlots(server: string): TidemarkError {
  return told(
    'ONLINE_UNAVAILABLE',
    server,
    'sends commands to and fro',
    'its nodes do not agree yet about who serves the slots',
  )
}

export function unservedSlot(server: string, slot: number): TidemarkError {
  return told(
    'ONLINE_UNAVAILABLE',
    server,
    `has no master for slot ${slot}`,
    'bring the master back, or let a replica take over',
  )
}

function told(code: OnlineCode, server: string, what: string, advice: string): TidemarkError {
  return new TidemarkError(code, `Redis ${server} ${what}. What to do: ${advice}`)
}

/** Of an unknown command the server repeats the arguments: values and entities. */
function quoted(text: string): string {
  return `"${text.replace(/,? with args beginning with:.*$/s, '').slice(0, 300)}"`
}
