/** The definition hash: blind to how a file is laid out and to what cannot change a value, sensitive to all that can. */
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { SHOP, changed, resolveText } from './definition-text.ts'
import { fc } from '../support/properties.ts'

function hashOf(text: string): string | undefined {
  return resolveText(text).views[0]?.hash
}

const HASH = hashOf(SHOP)

test.each([
  [
    'owner, description and tags',
    'ttl: 40d',
    'ttl: 40d\n    owner: growth\n    description: x\n    tags: { pii: none }',
  ],
  ['expiry', 'ttl: 40d', 'ttl: 50d\n    joinTtl: 3d'],
  ['what readers take for a missing value', 'defaults: { clicks: 0 }', 'defaults: { clicks: 1 }'],
  ["a feature's description", 'clicks: { count: "*",', 'clicks: { description: x, count: "*",'],
  ['parentheses in an expression', 'clicks / nullif(views, 0)', '(clicks / (nullif(views,0)))'],
  [
    'the name of a field that is no column',
    'amount: decimal(18,2)',
    'money: { path: amount, type: "decimal(18,2)" }',
  ],
  [
    'another spelling of the same filter',
    '{ event_type: [click, view] }',
    '{ any: [{ event_type: { in: [view, click] } }] }',
  ],
  ['windows in another order', '[7d, 30d]', '[30d, 7d]'],
  ['where the sinks are', './features', './elsewhere'],
])('%s does not show in the hash', (what, from, to) => {
  const text = changed(SHOP, from, to)
  expect(
    hashOf(
      what.startsWith('the name of a field') ? changed(text, 'sum: amount', 'sum: money') : text,
    ),
  ).toBe(HASH)
})

test.each([
  ['the version', '    entity:', '    version: 2\n    entity:'],
  ['the entity', 'entity: user_id', 'entity: [user_id, item_id]'],
  ["the type of the entity's field", 'user_id: string', 'user_id: int64'],
  ["the view's filter", '[click, view]', '[click]'],
  ["a feature's filter", '{ event_type: click }', '{ event_type: view }'],
  ['a window', '[7d, 30d]', '[7d]'],
  ["the view's windows", 'windows: [1d, 7d, 30d]', 'windows: [1d, 7d, 30d, 35d]'],
  ['an aggregate', 'sum: amount', 'max: amount'],
  ["a field's type", 'decimal(18,2)', 'decimal(17,2)'],
  ["a field's place", 'amount: decimal(18,2)', 'amount: { path: money, type: "decimal(18,2)" }'],
  ['an expression', 'nullif(views, 0)', 'nullif(views, 1)'],
  ['the name of a feature', 'spend: {', 'spent: {'],
  ['what is served online', 'ttl: 40d', 'ttl: 40d\n    online: closed'],
  ['the first day of a feature', 'sum: amount', 'sum: amount, since: 2026-01-01'],
])('%s shows in the hash', (_what, from, to) => {
  const hash = hashOf(changed(SHOP, from, to))
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(hash).not.toBe(HASH)
})

test('the hash is pinned: a change of its canonical form makes every stored state look changed', () => {
  expect(HASH).toBe('aea80b8164499414eb0e7346f6379e4a1127f9f8488e19c420fd26c71316fba1')
})

test('the order of keys, comments and blanks do not show in the hash', () => {
  const layouts = fc.record({
    order: fc.infiniteStream(fc.nat(1000)),
    indent: fc.integer({ min: 1, max: 6 }),
    comments: fc.boolean(),
    isJson: fc.boolean(),
  })
  fc.assert(
    fc.property(layouts, ({ order, indent, comments, isJson }) => {
      const value = shuffled(parse(SHOP), () => Number(order.next().value))
      const text = isJson ? JSON.stringify(value, null, indent) : stringify(value, { indent })
      const remarked = comments && !isJson ? text.replaceAll('\n', ' # why\n\n') : text
      expect(hashOf(remarked)).toBe(HASH)
    }),
    { numRuns: 60, verbose: true },
  )
})

function shuffled(value: unknown, next: () => number): unknown {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, next))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, member]) => ({
    key,
    member: shuffled(member, next),
    at: next(),
  }))
  return Object.fromEntries(
    entries.sort((a, b) => a.at - b.at).map(({ key, member }) => [key, member]),
  )
}
