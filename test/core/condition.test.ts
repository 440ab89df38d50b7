/** `where` over columns: null, exact numbers, wrong types, nesting. */
import { describe, expect, test } from 'vitest'
import { compileCondition, fieldsOf } from '../../src/core/condition.ts'
import type { Condition } from '../../src/core/definition.ts'
import type { Value } from '../../src/core/value.ts'
import { fc } from '../support/properties.ts'

type Operator = Extract<Condition, { kind: 'compare' }>['op']
type Found = Value | undefined

function compare(op: Operator, value: Value, field = 'f'): Condition {
  return { kind: 'compare', field, op, value }
}
function not(of: Condition): Condition {
  return { kind: 'not', of }
}
function all(...of: Condition[]): Condition {
  return { kind: 'all', of }
}
function any(...of: Condition[]): Condition {
  return { kind: 'any', of }
}
function oneOf(...values: Value[]): Condition {
  return { kind: 'in', field: 'f', values }
}
const present: Condition = { kind: 'present', field: 'f' }

/** Of a record whose field `f` is `f`, and `g` is `g`. */
function holds(condition: Condition, f: Found, g: Found = null): boolean | undefined {
  const predicate = compileCondition(condition, (name) => ['g', 'f'].indexOf(name))
  return predicate(
    [
      [null, g],
      [null, f],
    ],
    1,
  )
}

const BIG = 9_007_199_254_740_993n

describe('comparisons', () => {
  test.each<[Operator, Value, Value, boolean]>([
    ['eq', 'click', 'click', true],
    ['eq', 'click', 'Click', false],
    ['eq', true, true, true],
    ['eq', 5, 5, true],
    ['eq', 5, 5n, true],
    ['eq', 5n, 5, true],
    ['gt', 5, 5, false],
    ['gt', 5, 6, true],
    ['gte', 5, 5, true],
    ['lt', 5, 4.5, true],
    ['lte', 5, 5.5, false],
    ['lt', 'b', 'a', true],
    ['gt', '\ue000', '🦆', true],
  ])('%s %o: %o meets it: %s', (op, value, found, expected) => {
    expect(holds(compare(op, value), found)).toBe(expected)
  })

  test('T28 integers beyond 2^53 compare exactly', () => {
    expect(holds(compare('eq', BIG), BIG)).toBe(true)
    expect(holds(compare('eq', BIG), BIG - 1n)).toBe(false)
    expect(holds(compare('gt', 9_007_199_254_740_991), BIG)).toBe(true)
    expect(holds(compare('gt', BIG), 9_007_199_254_740_991)).toBe(false)
    expect(holds(compare('lt', BIG), BIG - 1n)).toBe(true)
    expect(holds(oneOf(1, BIG), BIG)).toBe(true)
    expect(holds(oneOf(1, BIG), BIG + 2n)).toBe(false)
    expect(holds(oneOf(5n), 5)).toBe(true)
    expect(holds(oneOf(2 ** 60), 2n ** 60n)).toBe(true)
  })

  test('a list is met by each of its values only', () => {
    for (const value of ['a', 'b']) expect(holds(oneOf('a', 'b'), value)).toBe(true)
    expect(holds(oneOf('a', 'b'), 'c')).toBe(false)
    expect(holds(oneOf(), 'c')).toBe(false)
  })
})

describe('null', () => {
  test('a comparison with null is false, and not of it is true', () => {
    for (const condition of [
      compare('eq', 0),
      compare('lt', 1),
      compare('gte', -1),
      oneOf(0),
      compare('eq', ''),
    ]) {
      expect(holds(condition, null)).toBe(false)
      expect(holds(not(condition), null)).toBe(true)
    }
  })

  test('present tells null from everything else', () => {
    expect(holds(present, null)).toBe(false)
    for (const value of [0, '', false]) expect(holds(present, value)).toBe(true)
    expect(holds(not(present), null)).toBe(true)
  })
})

describe('nesting', () => {
  test('all of nothing holds, any of nothing does not', () => {
    const f = compare('eq', 1)
    expect(holds(all(f), 1)).toBe(true)
    expect(holds(all(), 1)).toBe(true)
    expect(holds(any(), 1)).toBe(false)
  })

  test('fields are listed once, in the order of first use', () => {
    expect(
      fieldsOf(all(compare('eq', 1, 'g'), not(any(compare('eq', 1, 'f'), compare('gt', 3, 'g'))))),
    ).toEqual(['g', 'f'])
  })

  test('a field of the wrong type makes the condition undefined, wherever it stands', () => {
    const f = compare('eq', 1)
    const g = compare('eq', 1, 'g')
    for (const condition of [
      f,
      not(f),
      present,
      oneOf(1),
      any(g, f),
      any(f, g),
      all(g, f),
      all(f, g),
      not(all(g, f)),
    ]) {
      expect(holds(condition, undefined, 1)).toBeUndefined()
      expect(holds(condition, undefined, 0)).toBeUndefined()
    }
    expect(holds(g, undefined, 1)).toBe(true)
  })

  test('conditions of any shape mean what a slow reading of them says', () => {
    const values = fc.constantFrom<Value>(1, 2, 3, BIG, null)
    const leaf = fc.oneof(
      fc.record({
        kind: fc.constant('compare' as const),
        field: fc.constantFrom('f', 'g'),
        op: fc.constantFrom(
          'eq' as const,
          'gt' as const,
          'gte' as const,
          'lt' as const,
          'lte' as const,
        ),
        value: fc.constantFrom(1, 2, BIG),
      }),
      fc.record({
        kind: fc.constant('in' as const),
        field: fc.constantFrom('f', 'g'),
        values: fc.array(fc.constantFrom<Value>(1, 2, BIG)),
      }),
      fc.record({ kind: fc.constant('present' as const), field: fc.constantFrom('f', 'g') }),
    )
    const { tree } = fc.letrec<{ tree: Condition }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        tie('tree').map(not),
        fc.array(tie('tree'), { maxLength: 3 }).map((of) => all(...of)),
        fc.array(tie('tree'), { maxLength: 3 }).map((of) => any(...of)),
      ),
    }))
    const slow = (condition: Condition, row: Record<string, Value>): boolean => {
      if (condition.kind === 'not') return !slow(condition.of, row)
      if (condition.kind === 'all') return !condition.of.some((part) => !slow(part, row))
      if (condition.kind === 'any') return condition.of.some((part) => slow(part, row))
      const found = row[condition.field]
      if (found === null || found === undefined) return false
      if (condition.kind === 'present') return true
      const wanted = condition.kind === 'in' ? condition.values : [condition.value]
      const op = condition.kind === 'in' ? 'eq' : condition.op
      return wanted.some((value) => {
        const difference = BigInt(found) - BigInt(value ?? 0)
        return {
          eq: difference === 0n,
          gt: difference > 0n,
          gte: difference >= 0n,
          lt: difference < 0n,
          lte: difference <= 0n,
        }[op]
      })
    }
    fc.assert(
      fc.property(tree, values, values, (condition, f, g) => {
        expect(holds(condition, f, g)).toBe(slow(condition, { f, g }))
      }),
      { numRuns: 1000 },
    )
  })
})
