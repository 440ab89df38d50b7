/**
 * Types of an expression before it ever runs: every mistake at once, each with its column. A part that is wrong has no
 * type and is not complained about again by what surrounds it.
 */
import { formatExpression } from './expression.ts'
import type { Expression, ExpressionProblem, ExpressionType } from './expression.ts'

export interface CheckedExpression {
  /** Undefined where there are problems. */
  readonly type: ExpressionType | undefined
  readonly problems: readonly ExpressionProblem[]
}

/** `null` is the type of the literal null, which goes with any other; undefined: already complained about. */
type PartType = ExpressionType | 'null' | undefined
type Unary = Extract<Expression, { kind: 'unary' }>
type Binary = Extract<Expression, { kind: 'binary' }>
type Call = Extract<Expression, { kind: 'call' }>

/** `typeOf` tells a name's type, undefined for a name that it does not know. */
export function checkExpression(
  expression: Expression,
  typeOf: (name: string) => ExpressionType | undefined,
): CheckedExpression {
  const problems: ExpressionProblem[] = []
  const type = check({ problems, typeOf }, expression)
  if (type === 'null') {
    problems.push({ at: expression.at, message: 'this is null whatever the row: nothing to store' })
  }
  const isSound = problems.length === 0 && type !== 'null'
  return { type: isSound ? type : undefined, problems }
}

interface Scope {
  readonly problems: ExpressionProblem[]
  readonly typeOf: (name: string) => ExpressionType | undefined
}

function check(scope: Scope, expression: Expression): PartType {
  switch (expression.kind) {
    case 'literal':
      return expression.value === null ? 'null' : (typeof expression.value as ExpressionType)
    case 'name':
      return checkName(scope, expression.name, expression.at)
    case 'unary':
      return checkUnary(scope, expression)
    case 'binary':
      return checkBinary(scope, expression)
    case 'call':
      return checkCall(scope, expression)
    case 'case':
      for (const { when } of expression.branches) expect(scope, when, 'boolean', 'when')
      return common(
        scope,
        [...expression.branches.map(({ then }) => then), expression.otherwise],
        'case',
      )
  }
}

function checkName({ problems, typeOf }: Scope, name: string, at: number): PartType {
  const type = typeOf(name)
  if (type === undefined) {
    problems.push({ at, message: `no feature is named \`${name}\``, unknownName: name })
  }
  return type
}

function checkUnary(scope: Scope, { op, of }: Unary): PartType {
  if (op === '-') {
    expect(scope, of, 'number', '-')
    return 'number'
  }
  if (op === 'not') expect(scope, of, 'boolean', 'not')
  else check(scope, of)
  return 'boolean'
}

function checkBinary(scope: Scope, { op, left, right, at }: Binary): PartType {
  switch (op) {
    case 'and':
    case 'or':
      expect(scope, left, 'boolean', op)
      expect(scope, right, 'boolean', op)
      return 'boolean'
    case '=':
    case '!=':
      common(scope, [left, right], op)
      return 'boolean'
    case '<':
    case '<=':
    case '>':
    case '>=':
      ordered(scope, [left, right], op, at)
      return 'boolean'
    default:
      expect(scope, left, 'number', op)
      expect(scope, right, 'number', op)
      return 'number'
  }
}

function checkCall(scope: Scope, { name, of, at }: Call): PartType {
  switch (name) {
    case 'coalesce':
    case 'nullif':
      return common(scope, of, name)
    case 'greatest':
    case 'least':
      return ordered(scope, of, name, at)
    default:
      for (const part of of) expect(scope, part, 'number', name)
      return 'number'
  }
}

function expect(scope: Scope, part: Expression, expected: ExpressionType, where: string): void {
  const type = check(scope, part)
  if (type === undefined || type === 'null' || type === expected) return
  scope.problems.push(mismatch(part, type, `${where}: expected a ${expected}`))
}

/** The type that all parts share. */
function common(scope: Scope, parts: readonly Expression[], where: string): PartType {
  const types = parts.map((part) => check(scope, part))
  const shared = types.find((type) => type !== undefined && type !== 'null')
  if (shared === undefined) return types.includes(undefined) ? undefined : 'null'
  parts.forEach((part, i) => {
    const type = types[i]
    if (type === undefined || type === 'null' || type === shared) return
    scope.problems.push(mismatch(part, type, `${where}: expected a ${shared} like the part before`))
  })
  return shared
}

function ordered(scope: Scope, parts: readonly Expression[], where: string, at: number): PartType {
  const type = common(scope, parts, where)
  if (type === 'boolean') {
    scope.problems.push({
      at,
      message: `${where}: booleans have no order; compare them with = or !=`,
    })
  }
  return type
}

function mismatch(part: Expression, type: ExpressionType, expected: string): ExpressionProblem {
  return { at: part.at, message: `${expected}, received the ${type} ${formatExpression(part)}` }
}
