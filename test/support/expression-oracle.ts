/**
 * Derived features for the oracle: the tree, walked. Numbers are doubles, null makes null, a step whose result is not finite
 * is null, logic has three values as in SQL.
 */
import type { BinaryOperator, Expression, FunctionName } from '../../src/core/expression.ts'
import { compareValues, finite } from './aggregate-oracle.ts'

export type Result = number | boolean | string | null

export function evaluate(expression: Expression, valueOf: (name: string) => Result): Result {
  const run = (part: Expression): Result => evaluate(part, valueOf)
  switch (expression.kind) {
    case 'literal':
      return expression.value
    case 'name':
      return valueOf(expression.name)
    case 'unary': {
      const of = run(expression.of)
      if (expression.op === 'is null') return of === null
      if (expression.op === 'is not null') return of !== null
      if (of === null) return null
      return expression.op === '-' ? finite(-(of as number)) : !of
    }
    case 'binary':
      return binary(expression.op, run(expression.left), run(expression.right))
    case 'call':
      return call(expression.name, expression.of.map(run))
    case 'case': {
      const branch = expression.branches.find(({ when }) => run(when) === true)
      return run(branch?.then ?? expression.otherwise)
    }
  }
}

function binary(op: BinaryOperator, left: Result, right: Result): Result {
  if (op === 'and') {
    if (left === false || right === false) return false
    return left === null || right === null ? null : true
  }
  if (op === 'or') {
    if (left === true || right === true) return true
    return left === null || right === null ? null : false
  }
  if (left === null || right === null) return null
  const [a, b] = [left as number, right as number]
  const order = compareValues(left, right)
  switch (op) {
    case '+':
      return finite(a + b)
    case '-':
      return finite(a - b)
    case '*':
      return finite(a * b)
    case '/':
      return finite(a / b)
    case '%':
      return finite(a % b)
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

function call(name: FunctionName, of: readonly Result[]): Result {
  const present = of.filter((value) => value !== null).sort(compareValues)
  const [first = null, second = null] = of
  switch (name) {
    case 'coalesce':
      return of.find((value) => value !== null) ?? null
    case 'greatest':
      return present.at(-1) ?? null
    case 'least':
      return present[0] ?? null
    case 'nullif':
      return first !== null && second !== null && compareValues(first, second) === 0 ? null : first
    case 'abs':
      return first === null ? null : finite(Math.abs(first as number))
    case 'exp':
      return first === null ? null : finite(Math.exp(first as number))
    case 'ln':
      return first === null ? null : finite(Math.log(first as number))
    case 'sqrt':
      return first === null ? null : finite(Math.sqrt(first as number))
    case 'round':
      return first === null
        ? null
        : finite(Math.sign(first as number) * Math.round(Math.abs(first as number)))
  }
}
