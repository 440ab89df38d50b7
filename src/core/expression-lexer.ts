/** The words of an expression, each with the column where it stands. */
import { KEYWORDS } from './expression.ts'
import type { ExpressionProblem } from './expression.ts'

export interface Token {
  readonly kind: 'number' | 'string' | 'name' | 'keyword' | 'symbol' | 'end'
  /** A name or text without its quotes; keywords in lower case, operators in their canonical spelling. */
  readonly text: string
  /** Column, from 1. */
  readonly at: number
}

/** How the parser and the lexer leave: caught by `parseExpression`, which returns the problem. */
export class ExpressionRefused extends Error {
  readonly problem: ExpressionProblem

  constructor(at: number, message: string) {
    super(message)
    this.problem = { at, message }
  }
}

const BLANK = /\s+/y
const WORDS: readonly (readonly [kind: Token['kind'], pattern: RegExp])[] = [
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['name', /"(?:[^"]|"")+"/y],
  ['string', /'(?:[^']|'')*'/y],
  ['symbol', /<>|<=|>=|!=|==|[-+*/%(),<>=]/y],
]
const SPELLINGS = new Map([
  ['==', '='],
  ['<>', '!='],
])

/** The last token is `end`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  for (let index = skipBlank(text, 0); index < text.length; index = skipBlank(text, index)) {
    const [token, end] = tokenAt(text, index)
    tokens.push(token)
    index = end
  }
  tokens.push({ kind: 'end', text: '', at: text.length + 1 })
  return tokens
}

export function describeToken(token: Token): string {
  if (token.kind === 'end') return 'the end of the text'
  return token.kind === 'string' ? `the text '${token.text}'` : `\`${token.text}\``
}

function skipBlank(text: string, index: number): number {
  BLANK.lastIndex = index
  return BLANK.test(text) ? BLANK.lastIndex : index
}

function tokenAt(text: string, index: number): [Token, end: number] {
  for (const [kind, pattern] of WORDS) {
    pattern.lastIndex = index
    const written = pattern.exec(text)?.[0]
    if (written === undefined) continue
    if (kind === 'number') refuseGluedName(text, index, pattern.lastIndex)
    return [classify(kind, written, index + 1), pattern.lastIndex]
  }
  const found = String.fromCodePoint(text.codePointAt(index) ?? 0)
  if (found === "'" || found === '"') {
    throw new ExpressionRefused(index + 1, `the quote ${found} that opens here is never closed`)
  }
  throw new ExpressionRefused(
    index + 1,
    `expected a name, a number, a text in single quotes or an operator, received \`${found}\``,
  )
}

/** `7d_clicks` is a slip, not the number 7 followed by a name. */
function refuseGluedName(text: string, start: number, end: number): void {
  if (/[A-Za-z0-9_.]/.test(text.charAt(end))) {
    throw new ExpressionRefused(
      start + 1,
      `expected a number, received \`${text.slice(start, end + 1)}\`; a name begins with a letter or _`,
    )
  }
}

function classify(kind: Token['kind'], written: string, at: number): Token {
  const quote = written.charAt(0)
  if (quote === '"' || quote === "'") {
    return { kind, text: written.slice(1, -1).replaceAll(quote + quote, quote), at }
  }
  if (kind === 'name' && KEYWORDS.has(written.toLowerCase())) {
    return { kind: 'keyword', text: written.toLowerCase(), at }
  }
  return { kind, text: SPELLINGS.get(written) ?? written, at }
}
