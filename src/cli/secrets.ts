/**
 * Secrets never reach a terminal or a log. Two nets, since messages come from many places: passwords in addresses and
 * query strings are known by their shape, and the values of environment variables that are named like a secret are known
 * to the letter, wherever they turn up.
 */

const MASK = '***'

// Up to the last @ of the word: a password may hold any character, and masking too much is the safe mistake.
const ADDRESS = /([a-z][a-z0-9+.-]*:\/\/)([^\s/@:"'\\]*):([^\s"'\\]+)@/gi
const PARAMETER = /([?&;](?:password|passwd|secret|token|api[-_]?key|access[-_]?key)=)[^\s&"'\\]+/gi

/** PWD is left out: it is the working directory. */
const SECRET_NAME =
  /(^|_)(PASS|PASSWD|PASSWORD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|API_?KEY|PRIVATE_KEY|ACCESS_KEY)(_|$)/i
/** Shorter values stand in too many other words to be replaced there. */
const SECRET_LENGTH_MIN = 6

/** Keys of log fields that are never written, at any depth that we log. */
export const REDACTED_FIELDS: readonly string[] = ['password', 'secret', 'token', 'sasl'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
)

export type Mask = (text: string) => string

export function createMask(environment: Readonly<Record<string, string | undefined>>): Mask {
  const values = secretValues(environment)
  return (text) => {
    let masked = text.replace(ADDRESS, `$1$2:${MASK}@`).replace(PARAMETER, `$1${MASK}`)
    for (const value of values) masked = masked.replaceAll(value, MASK)
    return masked
  }
}

/** As they are, and as they look inside JSON. Longest first: one secret may begin with another. */
function secretValues(environment: Readonly<Record<string, string | undefined>>): string[] {
  const values = Object.entries(environment).flatMap(([name, value = '']) =>
    SECRET_NAME.test(name) && value.length >= SECRET_LENGTH_MIN
      ? [value, JSON.stringify(value).slice(1, -1)]
      : [],
  )
  return [...new Set(values)].sort((a, b) => b.length - a.length)
}
