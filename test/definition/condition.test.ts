/** `where`: its forms, and values that become exactly what their field holds. */
import { expect, test } from 'vitest'
import type { Condition } from '../../src/core/definition.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const click: Condition = { kind: 'compare', field: 'event_type', op: 'eq', value: 'click' }
const paid: Condition = { kind: 'compare', field: 'paid', op: 'eq', value: true }

function whereOf(where: string): Condition | undefined {
  return resolveText(changed(SHOP, '{ event_type: [click, view] }', where)).views[0]?.where
}

test.each<[string, Condition]>([
  ['{ event_type: click }', click],
  ['{ event_type: { eq: click } }', click],
  ['{ event_type: [click, view] }', { kind: 'in', field: 'event_type', values: ['click', 'view'] }],
  ['{ event_type: { in: [click] } }', { kind: 'in', field: 'event_type', values: ['click'] }],
  ['{ event_type: { not: click } }', { kind: 'not', of: click }],
  ['{ event_type: { ne: click } }', { kind: 'not', of: click }],
  [
    '{ event_type: { not: [a, b] } }',
    { kind: 'not', of: { kind: 'in', field: 'event_type', values: ['a', 'b'] } },
  ],
  ['{ event_type: { present: true } }', { kind: 'present', field: 'event_type' }],
  [
    '{ event_type: { present: false } }',
    { kind: 'not', of: { kind: 'present', field: 'event_type' } },
  ],
  ['{ event_type: click, paid: true }', { kind: 'all', of: [click, paid] }],
  ['{ any: [{ event_type: click }, { paid: true }] }', { kind: 'any', of: [click, paid] }],
  ['{ all: [{ event_type: click }, { paid: true }] }', { kind: 'all', of: [click, paid] }],
  [
    '{ not: { event_type: click, paid: true } }',
    { kind: 'not', of: { kind: 'all', of: [click, paid] } },
  ],
  [
    '{ item_id: { gte: 1, lt: 10 } }',
    {
      kind: 'all',
      of: [
        { kind: 'compare', field: 'item_id', op: 'gte', value: 1 },
        { kind: 'compare', field: 'item_id', op: 'lt', value: 10 },
      ],
    },
  ],
])('%s is read', (where, condition) => {
  expect(whereOf(where)).toEqual(condition)
})

test.each([
  ['{ amount: 12.5 }', 1250],
  ['{ amount: "12.50" }', 1250],
  ['{ amount: -0.01 }', -1],
  ['{ amount: 1234567890123456.78 }', 123456789012345678n],
  ['{ item_id: 9007199254740993 }', 9007199254740993n],
  ['{ item_id: -9223372036854775808 }', -9223372036854775808n],
  ['{ score: -0.0 }', 0],
  ['{ score: 1e3 }', 1000],
  ['{ at: 2026-01-31T00:00:00+01:00 }', Date.UTC(2026, 0, 30, 23)],
])('T28 the value of %s is exact', (where, value) => {
  const condition = whereOf(where)
  expect(condition?.kind === 'compare' && condition.value).toStrictEqual(value)
})

test.each([
  '{ item_id: 9223372036854775808 }',
  '{ item_id: 1.5 }',
  '{ score: .nan }',
  '{ score: 9007199254740993 }',
])('T28 %s is refused rather than rounded', (where) => {
  expect(problemsOf(changed(SHOP, '{ event_type: [click, view] }', where))).toHaveLength(1)
})

test('a filter may name a JSON field that is not declared where a text or true/false tells its type', () => {
  const text = changed(
    SHOP,
    '{ event_type: [click, view] }',
    '{ status: { not: canceled }, user.isBot: false }',
  )
  expect(resolveText(text).source.fields.slice(-2)).toEqual([
    { name: 'status', type: { kind: 'string' }, path: { kind: 'value', segments: ['status'] } },
    {
      name: 'user.isBot',
      type: { kind: 'boolean' },
      path: { kind: 'value', segments: ['user', 'isBot'] },
    },
  ])
})
