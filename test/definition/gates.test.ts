/** `validate` of a view: limits by column, converted to its type, and what is told of mistakes in them. */
import { expect, test } from 'vitest'
import { comparePipelines } from '../../src/definition/compare.ts'
import { describePipeline } from '../../src/definition/describe.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const VALIDATED = changed(
  SHOP,
  '    ttl: 40d',
  `    validate:
      rows: { min: 1, max: 1000, change: 50% }
      nulls: { spend: 5%, spend_30d: 0% }
      ranges: { spend_7d: { min: 0, max: 99999.99 }, ctr: { max: 1 }, clicks_1d: { min: 0 } }
      change: { clicks: 150%, ctr_7d: 20% }
      previousDays: 14
    ttl: 40d`,
)

test('limits are kept by column, a column before its feature, bounds in the type of the column', () => {
  const [view] = resolveText(VALIDATED).views
  const money = { kind: 'decimal', precision: 38, scale: 2 }
  const number = { kind: 'double' }
  const count = { kind: 'int64' }
  expect(view?.gates).toEqual({
    previousDays: 14,
    rows: { min: 1, max: 1000, change: 0.5 },
    columns: {
      spend_7d: { type: money, nullsMax: 0.05, min: 0, max: 9_999_999 },
      spend_30d: { type: money, nullsMax: 0 },
      ctr_1d: { type: number, max: 1 },
      ctr_7d: { type: number, max: 1, change: 0.2 },
      ctr_30d: { type: number, max: 1 },
      clicks_1d: { type: count, min: 0, change: 1.5 },
      clicks_7d: { type: count, change: 1.5 },
      clicks_30d: { type: count, change: 1.5 },
    },
  })
})

test('limits change no value: neither the hash nor what a generation is', () => {
  const [before, after] = [resolveText(SHOP), resolveText(VALIDATED)]
  expect(after.views[0]?.hash).toBe(before.views[0]?.hash)
  expect(before.views[0]).not.toHaveProperty('gates')
  expect(comparePipelines(before, after)).toMatchObject({ changes: [], needsGeneration: false })
})

test('limits are described as a file would have them', () => {
  expect(describePipeline(resolveText(VALIDATED))).toMatchObject({
    views: {
      users: {
        validate: {
          rows: { min: 1, max: 1000, change: '50%' },
          nulls: { spend_7d: '5%', spend_30d: '0%' },
          ranges: { spend_7d: { min: '0.00', max: '99999.99' }, ctr_1d: { max: 1 } },
          change: { clicks_1d: '150%', ctr_7d: '20%' },
          previousDays: 14,
        },
      },
    },
  })
})

test('a week before is compared with unless it is said otherwise', () => {
  const text = changed(
    SHOP,
    '    ttl: 40d',
    '    validate: { rows: { change: 10% } }\n    ttl: 40d',
  )
  expect(resolveText(text).views[0]?.gates).toEqual({
    previousDays: 7,
    rows: { change: 0.1 },
    columns: {},
  })
})

const AT = 'views.users.validate'

test.each<[what: string, limits: string, message: string]>([
  [
    'an unknown key',
    'nuls: { spend: 5% }',
    `26:17 ${AT}.nuls: unknown key \`nuls\`; did you mean \`nulls\`?`,
  ],
  [
    'a limit of rows that there is not',
    'rows: { minimum: 1 }',
    `26:25 ${AT}.rows.minimum: unknown key \`minimum\`; there are \`min\`, \`max\`, \`change\``,
  ],
  [
    'a column that there is not',
    'nulls: { clicks_2d: 5% }',
    `26:26 ${AT}.nulls.clicks_2d: expected a column or a feature of the view, found \`clicks_2d\`; did you mean \`clicks_1d\`?`,
  ],
  [
    'a share above all',
    'nulls: { spend: 120% }',
    `26:33 ${AT}.nulls.spend: expected a share such as \`5%\`, from 0% to 100%, found "120%"`,
  ],
  [
    'a change without %',
    'rows: { change: 0.5 }',
    `26:33 ${AT}.rows.change: expected a change such as \`20%\` or \`150%\`, found 0.5`,
  ],
  [
    'more than the most',
    'rows: { min: 5, max: 4 }',
    `26:38 ${AT}.rows.max: expected at least \`min\` (5), found 4`,
  ],
  [
    'a bound that would be rounded',
    'ranges: { spend: { max: 0.125 } }',
    `26:41 ${AT}.ranges.spend.max: expected at most 2 digits after the point for decimal(38,2) (nothing is rounded), found 0.125; the column is decimal(38,2)`,
  ],
  [
    'bounds the wrong way round',
    'ranges: { clicks_1d: { min: 2, max: 1 } }',
    `26:53 ${AT}.ranges.clicks_1d.max: expected at least \`min\` (2), found 1`,
  ],
  [
    'a range without bounds',
    'ranges: { clicks: {} }',
    `26:35 ${AT}.ranges.clicks: expected \`min\`, \`max\` or both, found neither`,
  ],
  [
    'a change of what is no number',
    'change: { kind: 5% }',
    `27:27 ${AT}.change.kind: expected a column of numbers, found \`kind\`, which is string`,
  ],
  [
    'a range of texts',
    'ranges: { kind: { min: a } }',
    `27:27 ${AT}.ranges.kind: expected a column whose values have an order, found one that is string`,
  ],
])('%s is told', (_what, limits, message) => {
  const base = limits.includes('kind')
    ? changed(SHOP, '    derived:', '      kind: { last: event_type }\n    derived:')
    : SHOP
  const text = changed(base, '    ttl: 40d', `    validate: { ${limits} }\n    ttl: 40d`)
  expect(problemsOf(text)).toEqual([message])
})

test('limits of a feature that is wrong itself are no mistake of their own', () => {
  const text = changed(VALIDATED, 'sum: amount', 'sum: amout')
  expect(problemsOf(text)).toEqual([expect.stringContaining('views.users.features.spend.sum')])
  const derived = changed(VALIDATED, 'nullif(views, 0)', 'nullif(views, 0')
  expect(problemsOf(derived)).toEqual([expect.stringContaining('views.users.derived.ctr')])
})
