/** One request to a schema registry, and what its answer means: the body, "not known", or an error in words. */
import { TidemarkError } from '../errors.ts'

const ACCEPTED = 'application/vnd.schemaregistry.v1+json, application/json'

/** What a registry itself says of a subject, a version or an id that it does not have. */
const UNKNOWN_CODES: readonly unknown[] = [40401, 40402, 40403]

interface Answer {
  readonly status: number
  /** Undefined where it is no JSON. */
  readonly body: unknown
}

export class RegistryClient {
  /** For messages: without user, password and query. */
  readonly place: string
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number

  /** @throws DEFINITION_INVALID */
  constructor(address: string, timeoutMs: number) {
    const url = URL.canParse(address) ? new URL(address) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new TidemarkError(
        'DEFINITION_INVALID',
        'source.avro.registry: expected an http(s) URL such as http://127.0.0.1:8081',
      )
    }
    this.#headers = { accept: ACCEPTED, ...authorization(url) }
    this.#timeoutMs = timeoutMs
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
    this.place = this.#base
  }

  /** Undefined: the registry says that there is none. @throws SCHEMA_UNAVAILABLE, SCHEMA_REFUSED */
  async get<T>(path: string, isExpected: (body: unknown) => body is T): Promise<T | undefined> {
    const { status, body } = await this.#fetch(path)
    if (status >= 200 && status < 300) {
      if (isExpected(body)) return body
      throw this.#unavailable(`its answer to ${path} is no schema. ${WRONG_URL}`)
    }
    const told = messageOf(body)
    if (status === 404) {
      if (UNKNOWN_CODES.includes(codeOf(body))) return undefined
      throw this.#unavailable(`it has no ${path}${told}. ${WRONG_URL}`)
    }
    if (status === 401 || status === 403) {
      const why = status === 401 ? 'does not know who asks' : 'does not allow it'
      throw new TidemarkError(
        'SCHEMA_REFUSED',
        `the schema registry ${this.place} ${why} (${status}${told}). Give the user and the password in source.avro.registry, as https://USER:PASSWORD@HOST, ` +
          'and let the user read schemas',
      )
    }
    throw this.#unavailable(`it answered ${path} with ${status}${told}`)
  }

  async #fetch(path: string): Promise<Answer> {
    try {
      const response = await fetch(`${this.#base}${path}`, {
        headers: this.#headers,
        signal: AbortSignal.timeout(this.#timeoutMs),
      })
      return { status: response.status, body: parsed(await response.text()) }
    } catch (cause) {
      throw this.#unavailable(`cannot reach it: ${this.#reason(cause)}`, cause)
    }
  }

  /** fetch says only that it failed; why is in its cause. */
  #reason(cause: unknown): string {
    if (!(cause instanceof Error)) return String(cause)
    if (cause.name === 'TimeoutError') return `no answer within ${this.#timeoutMs} ms`
    if (cause.cause !== undefined) return this.#reason(cause.cause)
    // One that stands for several addresses has no message of its own.
    return cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name)
  }

  #unavailable(what: string, cause?: unknown): TidemarkError {
    return new TidemarkError('SCHEMA_UNAVAILABLE', `the schema registry ${this.place}: ${what}`, {
      cause,
    })
  }
}

const WRONG_URL =
  'Is source.avro.registry the base of the Confluent API, such as http://HOST:8081 or http://HOST:8080/apis/ccompat/v7?'

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const user = `${decoded(username)}:${decoded(password)}`
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}` }
}

/** A password may hold a % that stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function member(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
}

function codeOf(body: unknown): unknown {
  return member(body, 'error_code')
}

/** In the registry's own words, where it has any. */
function messageOf(body: unknown): string {
  const message = member(body, 'message')
  return typeof message === 'string' ? `, ${message.slice(0, 200)}` : ''
}
