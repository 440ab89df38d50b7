/**
 * JSON for the oracle: the grammar of RFC 8259, by hand, with numbers kept as their text so that no digit is lost before a
 * field's type is known. Slow and obvious on purpose; it shares no parser with the engine.
 */

/** A number as it is written. */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Json = string | boolean | null | NumberText | readonly Json[] | JsonObject
export type JsonObject = ReadonlyMap<string, Json>

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const BLANK = /[ \t\n\r]*/y

/** Undefined where the text is not one JSON value. */
export function parsePlainJson(text: string): Json | undefined {
  const parser = new PlainParser(text)
  try {
    const value = parser.value()
    return parser.isAtEnd() ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

class PlainParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): Json {
    this.#take(BLANK)
    const value = this.#bare()
    this.#take(BLANK)
    return value
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  #bare(): Json {
    if (this.#eat('{')) return this.#object()
    if (this.#eat('[')) return this.#array()
    if (this.#eat('true')) return true
    if (this.#eat('false')) return false
    if (this.#eat('null')) return null
    const string = this.#take(STRING)
    if (string !== undefined) return JSON.parse(string) as string
    const number = this.#take(NUMBER)
    if (number !== undefined) return new NumberText(number)
    throw new SyntaxError(`unexpected text at ${this.#at}`)
  }

  #object(): JsonObject {
    const entries = new Map<string, Json>()
    this.#take(BLANK)
    if (this.#eat('}')) return entries
    do {
      this.#take(BLANK)
      const name = this.#take(STRING)
      this.#take(BLANK)
      if (name === undefined || !this.#eat(':')) throw new SyntaxError(`no name at ${this.#at}`)
      entries.set(JSON.parse(name) as string, this.value())
    } while (this.#eat(','))
    if (!this.#eat('}')) throw new SyntaxError(`object not closed at ${this.#at}`)
    return entries
  }

  #array(): Json[] {
    const items: Json[] = []
    this.#take(BLANK)
    if (this.#eat(']')) return items
    do items.push(this.value())
    while (this.#eat(','))
    if (!this.#eat(']')) throw new SyntaxError(`array not closed at ${this.#at}`)
    return items
  }

  #eat(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}

/** Numbers are written as they were. */
export function formatPlainJson(json: Json): string {
  if (json instanceof NumberText) return json.text
  if (json instanceof Map) {
    const entries = [...(json as JsonObject)]
    const members = entries.map(
      ([name, value]) => `${JSON.stringify(name)}:${formatPlainJson(value)}`,
    )
    return `{${members.join(',')}}`
  }
  if (Array.isArray(json)) return `[${(json as readonly Json[]).map(formatPlainJson).join(',')}]`
  return JSON.stringify(json)
}
