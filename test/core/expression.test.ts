/** Derived features: what parses, what is refused and where, what a row gives. */
import { describe, expect, test } from 'vitest'
import { expressionType, formatExpression, namesOf } from '../../src/core/expression.ts'
import type { Expression, ExpressionProblem, ExpressionType } from '../../src/core/expression.ts'
import { checkExpression } from '../../src/core/expression-check.ts'
import { compileExpression } from '../../src/core/expression-eval.ts'
import { EXPRESSION_LENGTH_MAX, parseExpression } from '../../src/core/expression-parser.ts'
import type { ColumnType, Value } from '../../src/core/value.ts'
import { fc } from '../support/properties.ts'

function parse(text: string): Expression {
  const parsed = parseExpression(text)
  if (parsed.kind === 'refused')
    throw new Error(`column ${parsed.problem.at}: ${parsed.problem.message}`)
  return parsed.expression
}

const TYPES: Record<string, ColumnType> = {
  a: { kind: 'double' },
  b: { kind: 'double' },
  n: { kind: 'int64' },
  money: { kind: 'decimal', precision: 18, scale: 2 },
  s: { kind: 'string' },
  yes: { kind: 'boolean' },
  when: { kind: 'timestamp' },
}

function check(text: string): readonly ExpressionProblem[] {
  return typed(text).problems
}

function typed(text: string): {
  type: ExpressionType | undefined
  problems: readonly ExpressionProblem[]
} {
  return checkExpression(parse(text), (name) => {
    const type = TYPES[name]
    return type && expressionType(type)
  })
}

function evaluate(text: string, row: Record<string, Value> = {}): Value {
  const names = Object.keys(TYPES)
  const columnOf = (name: string) => ({
    index: names.indexOf(name),
    type: TYPES[name] ?? { kind: 'double' as const },
  })
  return compileExpression(parse(text), columnOf)(names.map((name) => row[name] ?? null))
}

describe('precedence', () => {
  test.each([
    ['1 + 2 * 3', '(1 + (2 * 3))'],
    ['(1 + 2) * 3', '((1 + 2) * 3)'],
    ['a - b - 1', '((a - b) - 1)'],
    ['a / b / 2', '((a / b) / 2)'],
    ['-a * b', '((-a) * b)'],
    ['2 - -3', '(2 - (-3))'],
    ['- -a', '(-(-a))'],
    ['not a = b and yes', '((not (a = b)) and yes)'],
    ['yes or yes and not yes', '(yes or (yes and (not yes)))'],
    ['a + 1 < b * 2', '((a + 1) < (b * 2))'],
    ['a is null or b is not null', '((a is null) or (b is not null))'],
    ['not a is null', '(not (a is null))'],
    ['(a = b) = yes', '((a = b) = yes)'],
    ['CASE WHEN a>0 THEN 1 END', 'case when (a > 0) then 1 else null end'],
    ['clicks_7d / nullif(views_7d, 0)', '(clicks_7d / nullif(views_7d, 0))'],
    ['"case" + "odd ""name"""', '("case" + "odd ""name""")'],
    ["'it''s' = s", "('it''s' = s)"],
    ['.5e1 + 1.', '(5 + 1)'],
  ])('%s is read as %s', (text, canonical) => {
    expect(formatExpression(parse(text))).toBe(canonical)
  })

  test.each([
    ['a==b', ' ( a )=(( b)) '],
    ['a <> 1', 'a != 1.0'],
    ['case when yes then a end', 'CASE WHEN (yes) THEN a ELSE NULL END'],
    ['a*b/2', '((a*b)/2)'],
    ['"a" + 1', 'a+1'],
  ])('%s and %s have the same canonical text', (one, other) => {
    expect(formatExpression(parse(one))).toBe(formatExpression(parse(other)))
  })

  test.each([
    ['a - (b - 1)', 'a - b - 1'],
    ['a / (b / 2)', 'a / b / 2'],
    ['a < b', 'b > a'],
    ["'1'", '1'],
    ['A', 'a'],
    ['coalesce(a, b)', 'coalesce(b, a)'],
  ])('%s and %s have different canonical texts', (one, other) => {
    expect(formatExpression(parse(one))).not.toBe(formatExpression(parse(other)))
  })

  test('names are listed once, in the order of first use', () => {
    expect(namesOf(parse('b / nullif(a, 0) + case when c then b else d end'))).toEqual([
      'b',
      'a',
      'c',
      'd',
    ])
  })
})

describe('mistakes are told with their column', () => {
  test.each([
    ['', 1, 'received the end of the text'],
    ['a +', 4, 'expected a name, a value, a function or `(`, received the end of the text'],
    ['a b', 3, 'expected an operator or the end of the text, received `b`'],
    ['(a', 3, 'expected `)` for the `(` at column 1'],
    ['a ++ b', 4, 'received `+`'],
    ['7d_clicks', 1, 'a name begins with a letter'],
    ["a = 'x", 5, 'never closed'],
    ['a & b', 3, 'received `&`'],
    ['foo(a)', 1, 'received `foo`'],
    ['toString(a)', 1, 'received `toString`'],
    ['nullif(a)', 1, 'nullif takes 2 arguments, received 1'],
    ['coalesce()', 1, 'coalesce takes at least 1 argument, received 0'],
    ['abs(a, b)', 1, 'abs takes 1 argument, received 2'],
    ['a < b < 1', 7, 'comparisons do not chain'],
    ['a = b is null', 7, 'comparisons do not chain'],
    ['case a when 1 then 2 end', 6, 'expected `when` after `case`'],
    ['case when yes then 1', 21, 'expected `end` for the `case` at column 1'],
    ['a is 1', 6, 'expected `null` after `is`'],
    ['1e999', 1, 'too large for a double'],
    ['🦆', 1, 'received `🦆`'],
    ['a.b', 2, 'received `.`'],
  ])('%j at column %d', (text, at, message) => {
    const parsed = parseExpression(text)
    expect(parsed.kind).toBe('refused')
    if (parsed.kind === 'refused') {
      expect(parsed.problem.at).toBe(at)
      expect(parsed.problem.message).toContain(message)
    }
  })

  test('T28 an integer that a double cannot hold is refused, not rounded', () => {
    expect(() => parse('n = 9007199254740993')).toThrow(
      'column 5: 9007199254740993 has no exact double',
    )
    expect(evaluate('9007199254740992 = 9007199254740992')).toBe(true)
  })

  test('texts without bound are refused, and deep nesting does not overflow', () => {
    expect(() => parse('('.repeat(2000) + 'a')).toThrow('nested deeper than 100 levels')
    expect(() => parse(`a${' '.repeat(EXPRESSION_LENGTH_MAX)}`)).toThrow('at most 4096 characters')
    const chain = (length: number): string => Array.from({ length }, () => 'a').join('+')
    expect(() => parse(chain(502))).toThrow('column 1002: more than 500 operators')
    const long = chain(501)
    expect(evaluate(long, { a: 1 })).toBe(501)
    expect(formatExpression(parse(long)).length).toBeGreaterThan(long.length)
    expect(check(long)).toEqual([])
  })

  test.each([
    ['a + s', 5, '+: expected a number, received the string s'],
    ['a = s', 5, '=: expected a number like the part before, received the string s'],
    ['a and yes', 1, 'and: expected a boolean, received the number a'],
    ['yes < yes', 5, 'booleans have no order'],
    ['not a', 5, 'not: expected a boolean'],
    ['-s', 2, '-: expected a number'],
    ["coalesce(a, 'x')", 13, 'coalesce: expected a number like the part before'],
    ['case when a then 1 end', 11, 'when: expected a boolean'],
    ["case when yes then 1 else 'x' end", 27, 'case: expected a number'],
    ['sqrt(s)', 6, 'sqrt: expected a number'],
    ['null', 1, 'this is null whatever the row'],
    ['greatest(yes, yes)', 1, 'booleans have no order'],
  ])('%j: types at column %d', (text, at, message) => {
    const [problem, ...others] = check(text)
    expect(others).toEqual([])
    expect(problem?.at).toBe(at)
    expect(problem?.message).toContain(message)
  })

  test('all mistakes are told at once, unknown names by name, and none twice', () => {
    expect(
      check('clickz / nullif(viewz, 0) + s').map(({ at, unknownName }) => [at, unknownName]),
    ).toEqual([
      [1, 'clickz'],
      [17, 'viewz'],
      [29, undefined],
    ])
  })

  test.each([
    ['a / nullif(n, 0)', 'number'],
    ['money > 1', 'boolean'],
    ['case when yes then s end', 'string'],
    ['coalesce(null, yes)', 'boolean'],
    ['when - 1', 'number'],
    ['null + 1', 'number'],
  ] as const)('%s is a %s', (text, type) => {
    const quoted = text.replace('when - 1', '"when" - 1')
    expect(typed(quoted)).toEqual({ type, problems: [] })
  })
})

describe('values', () => {
  test.each<[string, Record<string, Value>, Value]>([
    ['a / b', { a: 1, b: 4 }, 0.25],
    ['a / nullif(b, 0)', { a: 1, b: 0 }, null],
    ['a + b', { a: 1 }, null],
    ['a % b', { a: -7, b: 3 }, -1],
    ['money * 2', { money: 1250 }, 25],
    ['money', { money: 10n ** 17n + 5n }, 1_000_000_000_000_000.05],
    ['n', { n: 9_007_199_254_740_993n }, 9_007_199_254_740_992],
    ['"when" / 1000', { when: 5000 }, 5],
    ["s < 'b'", { s: 'a' }, true],
    ["s > '\ue000'", { s: '🦆' }, true],
    ['coalesce(a, b, 9)', { b: 0 }, 0],
    ['coalesce(a, b)', {}, null],
    ['nullif(a, b)', { a: 1 }, 1],
    ['least(a, b)', { b: 2 }, 2],
    ['greatest(a, b, 3)', { a: 5, b: -1 }, 5],
    ['greatest(a, b)', {}, null],
    ["least('b', s)", { s: 'a' }, 'a'],
    ['abs(a)', { a: -3 }, 3],
    ['round(a)', { a: -2.5 }, -3],
    ['round(a)', { a: 0.49999999999999994 }, 0],
    ['round(a)', { a: 4_503_599_627_370_497 }, 4_503_599_627_370_497],
    ['case when a > b then 1 when a = b then 2 else 3 end', { a: 2, b: 2 }, 2],
    ['case when a > b then 1 end', { a: 2 }, null],
    ['a is null', {}, true],
    ['a is not null', {}, false],
    ['not yes', {}, null],
    ['not yes', { yes: false }, true],
    ['yes = true', { yes: true }, true],
  ])('%s of %o is %s', (text, row, expected) => {
    expect(evaluate(text, row)).toBe(expected)
  })

  test('three-valued logic is that of SQL', () => {
    const values = ['true', 'false', 'null'] as const
    const table = values.map((x) =>
      values.map((y) => [evaluate(`${x} and ${y}`), evaluate(`${x} or ${y}`)]),
    )
    expect(table).toEqual([
      [
        [true, true],
        [false, true],
        [null, true],
      ],
      [
        [false, true],
        [false, false],
        [false, null],
      ],
      [
        [null, true],
        [false, null],
        [null, null],
      ],
    ])
  })

  test.each([
    '1 / 0',
    '0 / 0',
    '-1 / 0',
    '5 % 0',
    '1e308 * 10',
    'ln(0)',
    'ln(-1)',
    'sqrt(-1)',
    'exp(1000)',
    '1 / 0 - 1 / 0',
  ])('T28 %s is not finite, so it is null', (text) => {
    expect(evaluate(text)).toBeNull()
  })

  test.each(['-a', 'a * -1', 'a / -5', 'round(-0.2)', '-5 % 5', 'abs(-a)', '0 - a'])(
    'T28 %s is 0 where it would be -0',
    (text) => {
      expect(evaluate(text, { a: 0 })).toBe(0)
    },
  )
})

describe('generated expressions', () => {
  const at = 1
  const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .constantFrom('a', 'b', 'n', 'case', 'odd name"')
        .map((name): Expression => ({ kind: 'name', name, at })),
      fc
        .oneof(
          fc.nat(),
          fc.constant(1e21),
          fc.constant(0.1),
          fc.string(),
          fc.boolean(),
          fc.constant(null),
        )
        .map((value): Expression => ({ kind: 'literal', value, at })),
      fc
        .record({
          op: fc.constantFrom(
            '-' as const,
            'not' as const,
            'is null' as const,
            'is not null' as const,
          ),
          of: tie('expression'),
        })
        .map((parts): Expression => ({ kind: 'unary', ...parts, at })),
      fc
        .record({
          op: fc.constantFrom(
            ...(['+', '-', '*', '/', '%', '=', '!=', '<', '<=', '>', '>=', 'and', 'or'] as const),
          ),
          left: tie('expression'),
          right: tie('expression'),
        })
        .map((parts): Expression => ({ kind: 'binary', ...parts, at })),
      fc
        .record({
          name: fc.constantFrom('coalesce' as const, 'least' as const),
          of: fc.array(tie('expression'), { minLength: 1, maxLength: 3 }),
        })
        .map((parts): Expression => ({ kind: 'call', ...parts, at })),
      fc
        .record({
          branches: fc.array(fc.record({ when: tie('expression'), then: tie('expression') }), {
            minLength: 1,
            maxLength: 2,
          }),
          otherwise: tie('expression'),
        })
        .map((parts): Expression => ({ kind: 'case', ...parts, at })),
    ),
  }))

  test('the canonical text parses to the same tree', () => {
    fc.assert(
      fc.property(expression, (tree) => {
        const text = formatExpression(tree)
        fc.pre(text.length <= EXPRESSION_LENGTH_MAX)
        const withoutColumns = (part: Expression): unknown =>
          JSON.parse(
            JSON.stringify(part, (key, value: unknown) => (key === 'at' ? undefined : value)),
          )
        expect(withoutColumns(parse(text))).toEqual(withoutColumns(tree))
      }),
      { numRuns: 500 },
    )
  })

  test('a sound expression gives a finite value of its type, or null, for every row', () => {
    const number = fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
      fc.constant(null),
    )
    fc.assert(
      fc.property(expression, number, number, number, (tree, a, b, n) => {
        const { type } = checkExpression(tree, (name) => (name in TYPES ? 'number' : undefined))
        fc.pre(type !== undefined)
        const value = evaluate(formatExpression(tree), { a, b, n })
        if (value === null) return
        expect(typeof value).toBe(type)
        if (typeof value === 'number')
          expect(Number.isFinite(value) && !Object.is(value, -0)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('no text makes the parser fail otherwise than by refusing it', () => {
    const words = fc.constantFrom(
      'a',
      'case',
      'when',
      'then',
      'end',
      'else',
      '(',
      ')',
      ',',
      '-',
      'not',
      '=',
      '1',
      "'x'",
      'is',
      'null',
      'and',
      'abs',
      '%',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((all) => all.join(' ')),
        ),
        (text) => {
          expect(['parsed', 'refused']).toContain(parseExpression(text).kind)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
