/**
 * What messages about a pipeline file may not show: the value of a key that holds a password, a password inside an address,
 * a private key that was pasted where its file is named.
 */
import type { Path } from './problem.ts'

const SECRET_KEYS: readonly (string | number)[] = ['password', 'sasl']

export const HIDDEN = '***'

/** Nothing of what is written there is shown. Whoever writes a text instead of a mapping may have put the password in it. */
export function isSecret(path: Path): boolean {
  const step = path.at(-1)
  return step !== undefined && SECRET_KEYS.includes(step)
}

const PARAMETER = /([?&;][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&\s]+/gi

/** `redis://user:password@host` -> `redis://***@host`. Up to the last @: a password may hold any character. */
export function withoutUser(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/).*@/is, `$1${HIDDEN}@`)
    .replace(/^(?![a-z][a-z0-9+.-]*:\/\/).*:.*@/is, `${HIDDEN}@`)
    .replace(PARAMETER, `$1${HIDDEN}`)
}

export function isPem(text: string): boolean {
  return text.includes('-----BEGIN')
}

/** A text of the file as a message may show it. */
export function shownText(text: string): string {
  return isPem(text) ? `"${HIDDEN}"` : JSON.stringify(withoutUser(text))
}

/** `redis://user:***@host`; what is no URL is not shown at all. */
export function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return HIDDEN
  const url = new URL(address)
  if (url.password !== '') url.password = HIDDEN
  for (const name of [...url.searchParams.keys()]) {
    if (/pass|secret|token|key/i.test(name)) url.searchParams.set(name, HIDDEN)
  }
  return url.href
}
