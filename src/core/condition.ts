/**
 * `where`, made ready to run over a batch by column.
 *
 * Two-valued, unlike SQL: a comparison with null is false, so `not` of it is true. Integers compare exactly at any size.
 * A field of the wrong type makes the whole condition undefined, wherever in it the field stands: whether a record
 * is a bad one must not depend on the order in which the conditions were written.
 */
import type { Condition } from './definition.ts'
import type { Column } from './event.ts'
import { compareText } from './text.ts'
import type { PresentValue } from './text.ts'
import type { Value } from './value.ts'

/** Whether record `i` meets the condition; undefined where a field of it has the wrong type. */
export type Predicate = (columns: readonly Column[], i: number) => boolean | undefined

/** `fieldIndex` gives a field's place among the batch's columns. */
export function compileCondition(
  condition: Condition,
  fieldIndex: (name: string) => number,
): Predicate {
  const fields = fieldsOf(condition).map(fieldIndex)
  const holds = compile(condition, fieldIndex)
  const only = fields[0]
  if (fields.length === 1 && only !== undefined) {
    return (columns, i) => (columns[only]![i] === undefined ? undefined : holds(columns, i))
  }
  return (columns, i) => {
    for (const field of fields) if (columns[field]![i] === undefined) return undefined
    return holds(columns, i)
  }
}

/** Names of the fields that it looks at, each once, in the order of first use. */
export function fieldsOf(condition: Condition): string[] {
  switch (condition.kind) {
    case 'compare':
    case 'in':
    case 'present':
      return [condition.field]
    case 'not':
      return fieldsOf(condition.of)
    case 'all':
    case 'any':
      return [...new Set(condition.of.flatMap(fieldsOf))]
  }
}

type Test = (columns: readonly Column[], i: number) => boolean
type Comparison = Extract<Condition, { kind: 'compare' }>

function compile(condition: Condition, fieldIndex: (name: string) => number): Test {
  switch (condition.kind) {
    case 'compare':
      return compileComparison(condition, fieldIndex(condition.field))
    case 'in':
      return compileList(condition.values, fieldIndex(condition.field))
    case 'present': {
      const field = fieldIndex(condition.field)
      return (columns, i) => columns[field]![i] !== null
    }
    case 'not': {
      const inner = compile(condition.of, fieldIndex)
      return (columns, i) => !inner(columns, i)
    }
    case 'all': {
      const tests = condition.of.map((part) => compile(part, fieldIndex))
      return (columns, i) => tests.every((test) => test(columns, i))
    }
    case 'any': {
      const tests = condition.of.map((part) => compile(part, fieldIndex))
      return (columns, i) => tests.some((test) => test(columns, i))
    }
  }
}

function compileComparison({ op, value }: Comparison, field: number): Test {
  if (value === null) return () => false
  if (op === 'eq') return compileEquality(value, field)
  const holds = ORDERINGS[op]
  return (columns, i) => {
    const found = columns[field]![i]
    return found !== null && found !== undefined && holds(compareValues(found, value))
  }
}

function compileEquality(value: PresentValue, field: number): Test {
  // Nearly all conditions compare a text or a small integer.
  if (typeof value === 'string' || typeof value === 'boolean') {
    return (columns, i) => columns[field]![i] === value
  }
  const wanted = canonical(value)
  return (columns, i) => {
    const found = columns[field]![i]
    return found === wanted || (typeof found === 'bigint' && canonical(found) === wanted)
  }
}

function compileList(values: readonly Value[], field: number): Test {
  const members = new Set(values.filter((value) => value !== null).map(canonical))
  return (columns, i) => {
    const found = columns[field]![i]
    return found !== null && found !== undefined && members.has(canonical(found))
  }
}

const ORDERINGS: Readonly<Record<Exclude<Comparison['op'], 'eq'>, (order: number) => boolean>> = {
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
}

/** Numbers and bigints mix: the language compares them exactly. Texts are ordered as their UTF-8 bytes. */
function compareValues(a: PresentValue, b: PresentValue): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** One form per number: integers are numbers while they are safe, bigints beyond. */
function canonical(value: PresentValue): PresentValue {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return Number.isInteger(value) ? BigInt(value) : value
}
