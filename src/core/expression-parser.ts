/**
 * Text of a derived feature -> tree. A Pratt parser: operators are a table of binding powers, weakest first
 *
 *   or   and   not   = != < <= > >= (and is null)   + -   * / %   unary -
 *
 * Keywords are in any case; names and functions are as they are written. A name that is also a keyword, or has other
 * characters than letters, digits and _, goes in double quotes. Nothing is ever handed to the language's own evaluator.
 */
import { FUNCTIONS } from './expression.ts'
import type { BinaryOperator, Expression, ExpressionProblem, FunctionName } from './expression.ts'
import { ExpressionRefused, describeToken, tokenize } from './expression-lexer.ts'
import type { Token } from './expression-lexer.ts'

export type ParsedExpression =
  | { readonly kind: 'parsed'; readonly expression: Expression }
  | { readonly kind: 'refused'; readonly problem: ExpressionProblem }

export const EXPRESSION_LENGTH_MAX = 4096
/** These two bound the depth of every walk over the tree: a chain of operators is as deep as it is long. */
const NESTING_MAX = 100
const OPERATORS_MAX = 500

const POWERS = new Map<string, number>([
  ['or', 1],
  ['and', 2],
  ...['=', '!=', '<', '<=', '>', '>=', 'is'].map((op) => [op, 4] as const),
  ['+', 5],
  ['-', 5],
  ['*', 6],
  ['/', 6],
  ['%', 6],
])
const NOT_POWER = 3
const COMPARISON_POWER = 4
const NEGATION_POWER = 7

/** Words that are constants. */
const CONSTANTS = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
])

export function parseExpression(text: string): ParsedExpression {
  try {
    if (text.length > EXPRESSION_LENGTH_MAX) {
      const message = `expected at most ${EXPRESSION_LENGTH_MAX} characters, received ${text.length}`
      throw new ExpressionRefused(EXPRESSION_LENGTH_MAX + 1, message)
    }
    const reader = { tokens: tokenize(text), index: 0, nesting: 0, operators: 0 }
    return { kind: 'parsed', expression: parseWhole(reader) }
  } catch (error) {
    if (error instanceof ExpressionRefused) return { kind: 'refused', problem: error.problem }
    throw error
  }
}

interface Reader {
  readonly tokens: readonly Token[]
  index: number
  nesting: number
  operators: number
}

function parseWhole(reader: Reader): Expression {
  const expression = parseOperand(reader, 0)
  const next = peek(reader)
  return next.kind === 'end' ? expression : refuse(next, 'an operator or the end of the text')
}

/** Reads on while operators bind tighter than `power`. */
function parseOperand(reader: Reader, power: number): Expression {
  if (++reader.nesting > NESTING_MAX) {
    throw new ExpressionRefused(peek(reader).at, `nested deeper than ${NESTING_MAX} levels`)
  }
  let left = parsePrefix(reader)
  for (let next = powerOf(peek(reader)); next > power; next = powerOf(peek(reader))) {
    left = parseInfix(reader, left, next)
  }
  reader.nesting--
  return left
}

function parseInfix(reader: Reader, left: Expression, power: number): Expression {
  const token = take(reader)
  if (++reader.operators > OPERATORS_MAX) {
    throw new ExpressionRefused(token.at, `more than ${OPERATORS_MAX} operators`)
  }
  const combined =
    token.text === 'is' ? parseNullTest(reader, left, token) : parseBinary(reader, left, token)
  if (power === COMPARISON_POWER && powerOf(peek(reader)) === COMPARISON_POWER) {
    throw new ExpressionRefused(
      peek(reader).at,
      'comparisons do not chain: write `a < b and b < c`, or put one in parentheses',
    )
  }
  return combined
}

function parseBinary(reader: Reader, left: Expression, token: Token): Expression {
  const right = parseOperand(reader, powerOf(token))
  return { kind: 'binary', op: token.text as BinaryOperator, left, right, at: token.at }
}

function parseNullTest(reader: Reader, of: Expression, token: Token): Expression {
  const op = takeIf(reader, 'not') ? 'is not null' : 'is null'
  expect(reader, 'null', `after \`${op.slice(0, -5)}\``)
  return { kind: 'unary', op, of, at: token.at }
}

function parsePrefix(reader: Reader): Expression {
  const token = take(reader)
  const { at } = token
  switch (token.kind) {
    case 'number':
      return { kind: 'literal', value: numberOf(token), at }
    case 'string':
      return { kind: 'literal', value: token.text, at }
    case 'name':
      return is(peek(reader), '(')
        ? parseCall(reader, token)
        : { kind: 'name', name: token.text, at }
    default:
      return parseSymbol(reader, token)
  }
}

function parseSymbol(reader: Reader, token: Token): Expression {
  const { at } = token
  const constant = token.kind === 'keyword' ? CONSTANTS.get(token.text) : undefined
  if (constant !== undefined) return { kind: 'literal', value: constant, at }
  if (is(token, 'case')) return parseCase(reader, token)
  if (is(token, '-')) {
    return { kind: 'unary', op: '-', of: parseOperand(reader, NEGATION_POWER - 1), at }
  }
  if (is(token, 'not')) {
    return { kind: 'unary', op: 'not', of: parseOperand(reader, NOT_POWER - 1), at }
  }
  if (!is(token, '(')) return refuse(token, 'a name, a value, a function or `(`')
  const inner = parseOperand(reader, 0)
  expect(reader, ')', `for the \`(\` at column ${at}`)
  return inner
}

function parseCall(reader: Reader, token: Token): Expression {
  if (!Object.hasOwn(FUNCTIONS, token.text)) {
    const known = Object.keys(FUNCTIONS).join(', ')
    refuse(token, `one of the functions ${known}`)
  }
  const name = token.text as FunctionName
  take(reader)
  const of: Expression[] = []
  if (!is(peek(reader), ')')) {
    do of.push(parseOperand(reader, 0))
    while (takeIf(reader, ','))
  }
  expect(reader, ')', `or \`,\` in ${name}(...)`)
  refuseArity(name, of.length, token.at)
  return { kind: 'call', name, of, at: token.at }
}

function parseCase(reader: Reader, token: Token): Expression {
  const branches: { when: Expression; then: Expression }[] = []
  expect(reader, 'when', 'after `case`')
  do {
    const when = parseOperand(reader, 0)
    expect(reader, 'then', 'after the condition of `when`')
    branches.push({ when, then: parseOperand(reader, 0) })
  } while (takeIf(reader, 'when'))
  const otherwise: Expression = takeIf(reader, 'else')
    ? parseOperand(reader, 0)
    : { kind: 'literal', value: null, at: peek(reader).at }
  expect(reader, 'end', `for the \`case\` at column ${token.at}`)
  return { kind: 'case', branches, otherwise, at: token.at }
}

function peek(reader: Reader): Token {
  return reader.tokens[reader.index]!
}

/** The token `end` is never passed. */
function take(reader: Reader): Token {
  const token = peek(reader)
  if (token.kind !== 'end') reader.index++
  return token
}

function takeIf(reader: Reader, text: string): boolean {
  const matches = is(peek(reader), text)
  if (matches) reader.index++
  return matches
}

function expect(reader: Reader, text: string, where: string): void {
  if (!takeIf(reader, text)) refuse(peek(reader), `\`${text}\` ${where}`)
}

function powerOf(token: Token): number {
  return token.kind === 'symbol' || token.kind === 'keyword' ? (POWERS.get(token.text) ?? 0) : 0
}

function is(token: Token, text: string): boolean {
  return token.text === text && (token.kind === 'symbol' || token.kind === 'keyword')
}

function refuse(token: Token, expected: string): never {
  throw new ExpressionRefused(token.at, `expected ${expected}, received ${describeToken(token)}`)
}

function refuseArity(name: FunctionName, count: number, at: number): void {
  const { argumentsMin, argumentsMax } = FUNCTIONS[name]
  if (count >= argumentsMin && count <= argumentsMax) return
  const expected = argumentsMax === Infinity ? `at least ${argumentsMin}` : String(argumentsMin)
  const noun = argumentsMin === 1 ? 'argument' : 'arguments'
  throw new ExpressionRefused(at, `${name} takes ${expected} ${noun}, received ${count}`)
}

/** Expressions calculate in doubles: an integer that a double cannot hold would be rounded silently. */
function numberOf(token: Token): number {
  const value = Number(token.text)
  if (!Number.isFinite(value)) {
    throw new ExpressionRefused(token.at, `${token.text} is too large for a double`)
  }
  if (/^\d+$/.test(token.text) && BigInt(token.text) !== BigInt(value)) {
    throw new ExpressionRefused(
      token.at,
      `${token.text} has no exact double (expressions calculate in doubles); the nearest is ${value}`,
    )
  }
  return value
}
