/**
 * Runs an expression: the tree becomes closures once, a row costs no lookup by name.
 *
 * Everything is calculated in doubles. Null goes through operators as in SQL (three-valued logic: `null and false` is
 * false, `null or true` is true). A result that is not finite, such as a division by zero, is null; -0 is 0. So a value is
 * the same in every sink, and none has to know NaN.
 */
import { unreachable } from '../errors.ts'
import { compareText } from './text.ts'
import { decimalToDouble } from './decimal.ts'
import type {
  ArithmeticOperator,
  ComparisonOperator,
  Expression,
  ExpressionValue,
  FunctionName,
} from './expression.ts'
import type { ColumnType, Value } from './value.ts'

export type Row = readonly Value[]
export type Evaluator = (row: Row) => ExpressionValue

/** Where a name's value is in a row, and what it is there. */
export interface ExpressionColumn {
  readonly index: number
  readonly type: ColumnType
}

type Case = Extract<Expression, { kind: 'case' }>

/** For an expression that `checkExpression` found sound, with the same names. */
export function compileExpression(
  expression: Expression,
  columnOf: (name: string) => ExpressionColumn,
): Evaluator {
  const compile = (part: Expression): Evaluator => compileExpression(part, columnOf)
  switch (expression.kind) {
    case 'literal':
      return compileLiteral(expression.value)
    case 'name':
      return compileColumn(columnOf(expression.name))
    case 'unary':
      return compileUnary(expression.op, compile(expression.of))
    case 'binary': {
      const [left, right] = [compile(expression.left), compile(expression.right)]
      const { op } = expression
      if (op === 'and' || op === 'or') return compileLogic(op, left, right)
      if (op in ARITHMETIC) return compileArithmetic(op as ArithmeticOperator, left, right)
      return compileComparison(op as ComparisonOperator, left, right)
    }
    case 'call':
      return compileCall(expression.name, expression.of.map(compile))
    case 'case':
      return compileCase(expression, compile)
  }
}

function compileLiteral(value: ExpressionValue): Evaluator {
  return () => value
}

function compileColumn({ index, type }: ExpressionColumn): Evaluator {
  if (type.kind === 'decimal') {
    const { scale } = type
    return (row) => {
      const value = row[index] ?? null
      return typeof value === 'number' || typeof value === 'bigint'
        ? decimalToDouble(value, scale)
        : null
    }
  }
  return (row) => {
    const value = row[index] ?? null
    return typeof value === 'bigint' ? Number(value) : value
  }
}

function compileUnary(op: Extract<Expression, { kind: 'unary' }>['op'], of: Evaluator): Evaluator {
  switch (op) {
    case 'is null':
      return (row) => of(row) === null
    case 'is not null':
      return (row) => of(row) !== null
    case 'not':
      return (row) => {
        const value = of(row)
        return value === null ? null : !value
      }
    case '-':
      return (row) => {
        const value = of(row)
        return value === null ? null : finite(-(value as number))
      }
  }
}

function compileLogic(op: 'and' | 'or', left: Evaluator, right: Evaluator): Evaluator {
  const deciding = op === 'or'
  return (row) => {
    const first = left(row)
    if (first === deciding) return deciding
    const second = right(row)
    if (second === deciding) return deciding
    return first === null || second === null ? null : !deciding
  }
}

const ARITHMETIC: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  /** The sign is the dividend's, as in SQL. */
  '%': (a, b) => a % b,
}

function compileArithmetic(op: ArithmeticOperator, left: Evaluator, right: Evaluator): Evaluator {
  const calculate = ARITHMETIC[op]
  return (row) => {
    const a = left(row)
    const b = right(row)
    return a === null || b === null ? null : finite(calculate(a as number, b as number))
  }
}

function compileComparison(op: ComparisonOperator, left: Evaluator, right: Evaluator): Evaluator {
  const holds = COMPARISON[op]
  return (row) => {
    const a = left(row)
    const b = right(row)
    return a === null || b === null ? null : holds(order(a, b))
  }
}

const COMPARISON: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

/** Of two values of one type. */
function order(a: number | boolean | string, b: number | boolean | string): number {
  if (typeof a === 'string') return compareText(a, b as string)
  return a === b ? 0 : a < b ? -1 : 1
}

function compileCall(name: FunctionName, of: readonly Evaluator[]): Evaluator {
  switch (name) {
    case 'coalesce':
      return compileCoalesce(of)
    case 'nullif':
      return compileNullif(of)
    case 'greatest':
      return compileExtreme(of, 1)
    case 'least':
      return compileExtreme(of, -1)
    case 'abs':
      return compileNumeric(of, Math.abs)
    case 'exp':
      return compileNumeric(of, Math.exp)
    case 'ln':
      return compileNumeric(of, Math.log)
    case 'sqrt':
      return compileNumeric(of, Math.sqrt)
    case 'round':
      return compileNumeric(of, roundHalfAway)
    default:
      return unreachable(name)
  }
}

function compileNumeric(of: readonly Evaluator[], calculate: (value: number) => number): Evaluator {
  const argument = of[0]!
  return (row) => {
    const value = argument(row)
    return value === null ? null : finite(calculate(value as number))
  }
}

function compileCoalesce(of: readonly Evaluator[]): Evaluator {
  return (row) => {
    for (const argument of of) {
      const value = argument(row)
      if (value !== null) return value
    }
    return null
  }
}

function compileNullif(of: readonly Evaluator[]): Evaluator {
  const value = of[0]!
  const exception = of[1]!
  return (row) => {
    const found = value(row)
    return found === exception(row) ? null : found
  }
}

/** `sign` 1: the greatest, -1: the least. */
function compileExtreme(of: readonly Evaluator[], sign: 1 | -1): Evaluator {
  return (row) => {
    let extreme: ExpressionValue = null
    for (const argument of of) {
      const value = argument(row)
      if (value !== null && (extreme === null || sign * order(value, extreme) > 0)) extreme = value
    }
    return extreme
  }
}

function compileCase(
  { branches, otherwise }: Case,
  compile: (part: Expression) => Evaluator,
): Evaluator {
  const compiled = branches.map(({ when, then }) => ({ when: compile(when), then: compile(then) }))
  const rest = compile(otherwise)
  return (row) => {
    for (const { when, then } of compiled) if (when(row) === true) return then(row)
    return rest(row)
  }
}

/** Adding 0 turns -0 into 0. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null
}

/** Not `Math.round(abs + 0.5)`: that takes 0.49999999999999994 for 1. */
function roundHalfAway(value: number): number {
  const size = Math.abs(value)
  const below = Math.floor(size)
  return Math.sign(value) * (size - below >= 0.5 ? below + 1 : below)
}
