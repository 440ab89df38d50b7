/**
 * Derived features as data: the tree that the parser builds, the checker types and the evaluator runs.
 *
 * The canonical text is what a definition hash covers: blanks, redundant parentheses, the case of keywords and the
 * spelling of an operator (`=`, `==`) do not show in it; whatever can change a value does.
 */
import type { ColumnType } from './value.ts'

/** `at` is the column in the text, from 1, where the part begins (of an operator: where the operator stands). */
export type Expression =
  | {
      readonly kind: 'literal'
      readonly value: number | string | boolean | null
      readonly at: number
    }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | {
      readonly kind: 'unary'
      readonly op: UnaryOperator
      readonly of: Expression
      readonly at: number
    }
  | {
      readonly kind: 'binary'
      readonly op: BinaryOperator
      readonly left: Expression
      readonly right: Expression
      readonly at: number
    }
  | {
      readonly kind: 'call'
      readonly name: FunctionName
      readonly of: readonly Expression[]
      readonly at: number
    }
  | {
      readonly kind: 'case'
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[]
      /** The literal null where no `else` was written. */
      readonly otherwise: Expression
      readonly at: number
    }

export type UnaryOperator = '-' | 'not' | 'is null' | 'is not null'
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%'
export type ComparisonOperator = '=' | '!=' | '<' | '<=' | '>' | '>='
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | 'and' | 'or'

/** Functions with how many arguments they take. */
export const FUNCTIONS = {
  abs: { argumentsMin: 1, argumentsMax: 1 },
  coalesce: { argumentsMin: 1, argumentsMax: Infinity },
  exp: { argumentsMin: 1, argumentsMax: 1 },
  /** As in PostgreSQL, Spark and DuckDB: nulls are passed over, null only where all are null. */
  greatest: { argumentsMin: 1, argumentsMax: Infinity },
  least: { argumentsMin: 1, argumentsMax: Infinity },
  /** Of a number <= 0: null. */
  ln: { argumentsMin: 1, argumentsMax: 1 },
  nullif: { argumentsMin: 2, argumentsMax: 2 },
  /** To an integer, halves away from zero. */
  round: { argumentsMin: 1, argumentsMax: 1 },
  /** Of a negative number: null. */
  sqrt: { argumentsMin: 1, argumentsMax: 1 },
} as const satisfies Record<
  string,
  { readonly argumentsMin: number; readonly argumentsMax: number }
>

export type FunctionName = keyof typeof FUNCTIONS

/** Words that are no names unless written in double quotes. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  'and or not is null true false case when then else end'.split(' '),
)

export type ExpressionType = 'number' | 'boolean' | 'string'
export type ExpressionValue = number | boolean | string | null

/** A mistake in an expression, for the person who wrote it. */
export interface ExpressionProblem {
  /** Column in the text, from 1. */
  readonly at: number
  readonly message: string
  /** Set where a name is not known: the caller knows the names and can tell the nearest one. */
  readonly unknownName?: string
}

/** What a column is in an expression; undefined where it cannot be used. Instants count in ms, dates in days. */
export function expressionType(type: ColumnType): ExpressionType | undefined {
  switch (type.kind) {
    case 'string':
    case 'boolean':
      return type.kind
    case 'binary':
      return undefined
    default:
      return 'number'
  }
}

/** Names that the expression uses, each once, in the order of first use. */
export function namesOf(expression: Expression): string[] {
  const names = new Set<string>()
  const visit = (part: Expression): void => {
    if (part.kind === 'name') names.add(part.name)
    for (const child of children(part)) visit(child)
  }
  visit(expression)
  return [...names]
}

export function children(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'name':
      return []
    case 'unary':
      return [expression.of]
    case 'binary':
      return [expression.left, expression.right]
    case 'call':
      return expression.of
    case 'case':
      return [
        ...expression.branches.flatMap(({ when, then }) => [when, then]),
        expression.otherwise,
      ]
  }
}

/** Canonical text, which parses to the same tree: every operator in parentheses of its own. */
export function formatExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return formatLiteral(expression.value)
    case 'name':
      return formatName(expression.name)
    case 'unary':
      return formatUnary(expression.op, formatExpression(expression.of))
    case 'binary':
      return `(${formatExpression(expression.left)} ${expression.op} ${formatExpression(expression.right)})`
    case 'call':
      return `${expression.name}(${expression.of.map(formatExpression).join(', ')})`
    case 'case': {
      const branches = expression.branches.map(
        ({ when, then }) => `when ${formatExpression(when)} then ${formatExpression(then)}`,
      )
      return `case ${branches.join(' ')} else ${formatExpression(expression.otherwise)} end`
    }
  }
}

function formatUnary(op: UnaryOperator, of: string): string {
  if (op === '-') return `(-${of})`
  return op === 'not' ? `(not ${of})` : `(${of} ${op})`
}

function formatLiteral(value: number | string | boolean | null): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
}

function formatName(name: string): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !KEYWORDS.has(name.toLowerCase())
  return plain ? name : `"${name.replaceAll('"', '""')}"`
}
