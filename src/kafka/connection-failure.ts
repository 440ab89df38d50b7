/**
 * Why a broker could not be talked to, in words for an operator, and whether waiting can help.
 *
 * A *refusal* (wrong password, a certificate that is not trusted) stays until a person acts; everything else may pass.
 */
import type { Security } from './security.ts'

export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure'
  /** `host:port` */
  readonly address: string
  readonly isRefusal: boolean
  /** It has lasted for a while already, unlike a connection that is closed now. */
  readonly isSilence: boolean

  constructor(address: string, words: Words, cause: unknown) {
    super(`${address}: ${words.text}`, { cause })
    this.address = address
    this.isRefusal = words.isRefusal
    this.isSilence = words.text.includes(SILENCE)
  }
}

/** What the reason of a connection that was given up begins with. */
export const SILENCE = 'no answer'

interface Words {
  readonly text: string
  readonly isRefusal: boolean
}

export function connectionFailure(
  address: string,
  security: Security,
  cause: unknown,
): ConnectionFailure {
  if (cause instanceof ConnectionFailure) return cause
  return new ConnectionFailure(address, wordsFor(security, cause), cause)
}

function wordsFor(security: Security, cause: unknown): Words {
  const { name, message, code } = errorParts(cause)
  if (name === 'KafkaJSSASLAuthenticationError' && !LOST.test(message)) {
    return refusal(`${message}. Check source.kafka.sasl: mechanism, username and password`)
  }
  const tls = TLS_WORDS[code]
  if (tls !== undefined) return refusal(`${tls} (${code})`)
  if (/alert (bad |unknown )?certificate|certificate required|handshake failure/i.test(message)) {
    return refusal(
      `the broker refused our certificate during the TLS handshake (${message}). It asks for a client certificate that its ` +
        'authority signed: source.kafka.tls.certificate and .key',
    )
  }
  if (security.ssl && SPEAKS_NO_TLS.test(`${code} ${message}`)) {
    return passing(
      `the TLS handshake failed (${message}): the listener may speak plain text; check the port, or leave out source.kafka.tls`,
    )
  }
  if (LOST.test(message)) return passing(lostWords(security))
  return passing(NETWORK_WORDS[code] ?? message)
}

const LOST = /closed connection|connection closed|not connected|ECONNRESET|socket hang up/i
const SPEAKS_NO_TLS = /EPROTO|wrong version number|secure TLS connection was established/

function lostWords({ ssl, sasl }: Security): string {
  const missing = [
    ...(ssl ? [] : ['TLS (source.kafka.tls)']),
    ...(sasl ? [] : ['SASL (source.kafka.sasl)']),
  ]
  const hint = missing.length === 0 ? '' : `; a listener that expects ${missing.join(' or ')} does`
  return `the broker closed the connection${hint}`
}

const NETWORK_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOTFOUND: 'the host name is unknown (ENOTFOUND)',
  EAI_AGAIN: 'the host name could not be looked up (EAI_AGAIN)',
  EHOSTUNREACH: 'no route to the host (EHOSTUNREACH)',
  ENETUNREACH: 'no route to the network (ENETUNREACH)',
  ETIMEDOUT: 'no answer to the attempt to connect (ETIMEDOUT)',
}

const UNTRUSTED =
  'the broker’s certificate is signed by an authority that is not trusted here: give its CA as source.kafka.tls.ca'

const TLS_WORDS: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_HAS_EXPIRED: 'the broker’s certificate, or one of its chain, has expired: renew it',
  CERT_NOT_YET_VALID:
    'the broker’s certificate is not valid yet: check it, and the clocks of both machines',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the broker’s certificate is for other names than this address: name the broker as its certificate does, in source.kafka.brokers and in the ' +
    'broker’s advertised.listeners',
}

function refusal(text: string): Words {
  return { text, isRefusal: true }
}

function passing(text: string): Words {
  return { text, isRefusal: false }
}

function errorParts(cause: unknown): {
  readonly name: string
  readonly message: string
  readonly code: string
} {
  if (!(cause instanceof Error)) return { name: '', message: String(cause), code: '' }
  const code = 'code' in cause ? String(cause.code) : ''
  return { name: cause.name, message: cause.message.replace(/^Connection error: /, ''), code }
}
