/** `views.<name>` in the pipeline file: one entity with its features. */
import * as z from 'zod'
import { AGGREGATE_KINDS } from './aggregates.ts'
import * as keys from './keys.ts'
import { condition, literal } from './schema-condition.ts'
import { validation } from './schema-gates.ts'

const feature = z
  .strictObject({
    ...aggregateKeys(),
    where: condition
      .optional()
      .describe("Only records that fulfil it, beside the view's own `where`."),
    windows: keys
      .oneOrMore(keys.window, 'a list of windows such as `[1d, 7d]`')
      .optional()
      .describe("Some of the view's windows. Default: all of them."),
    description: z
      .string({ error: 'a text' })
      .optional()
      .describe('For people; goes into the table.'),
    since: keys.date
      .optional()
      .describe(
        'First day that the feature holds for, when it was added later; earlier rows keep null.',
      ),
  })
  .meta({ oneOf: AGGREGATE_KINDS.map((kind) => ({ required: [kind] })) })

function aggregateKeys(): Record<(typeof AGGREGATE_KINDS)[number], z.ZodOptional<z.ZodString>> {
  const about: Record<(typeof AGGREGATE_KINDS)[number], string> = {
    count: '`"*"` counts records, a field those where it is not null. Empty: 0.',
    sum: 'Exact for integers and decimals. Empty: 0.',
    min: 'Smallest value. Empty: null.',
    max: 'Largest value. Empty: null.',
    avg: 'Mean. Empty: null.',
    variance: 'Population variance. Empty: null.',
    stddev: 'Population standard deviation. Empty: null.',
    first: 'Value of the earliest record by (event time, offset). Empty: null.',
    last: 'Value of the latest record by (event time, offset). Empty: null.',
  }
  const entries = AGGREGATE_KINDS.map((kind) => {
    const rule = kind === 'count' ? '`"*"` or the name of a field' : 'the name of a field'
    return [
      kind,
      keys.text(rule).meta({ title: 'field' }).optional().describe(about[kind]),
    ] as const
  })
  return Object.fromEntries(entries) as ReturnType<typeof aggregateKeys>
}

const derived = z.union(
  [
    keys.text('an expression such as `clicks / nullif(views, 0)`').meta({ title: 'expression' }),
    z.strictObject({
      expression: keys
        .text('an expression')
        .meta({ title: 'expression' })
        .describe('The expression.'),
      description: z
        .string({ error: 'a text' })
        .optional()
        .describe('For people; goes into the table.'),
    }),
  ],
  { error: 'an expression, or `{ expression, description }`' },
)

export const view = z.strictObject({
  version: keys
    .integer(1, 1_000_000)
    .optional()
    .describe(
      'Raise it when the meaning of the view changes: each version has its own table and online values. Default: what stands behind the `@` of its name, or 1.',
    ),
  entity: keys
    .oneOrMore(keys.text('the name of a field'), 'the name of a field, or a list of names')
    .describe("Field or fields that the view is keyed by; they contain the source's key."),
  where: condition.optional().describe('Only records that fulfil it.'),
  windows: keys
    .oneOrMore(keys.window, 'a list of windows such as `[1d, 7d, 30d]`')
    .describe('Windows in whole days, today included.'),
  features: z
    .record(keys.name, feature, { error: 'a mapping from names to features' })
    .describe('Name -> an aggregate of a field. A column per window: `<name>_<n>d`.'),
  derived: z
    .record(keys.name, derived)
    .optional()
    .describe(
      'Name -> an expression over features. Bare names (`clicks`): one column per window that all of them have. Suffixed ones (`clicks_7d`): one column.',
    ),
  online: keys
    .choice(['current', 'closed'])
    .prefault('current')
    .describe("`current` serves today's events so far, `closed` the row of the last closed day."),
  ttl: keys.duration
    .optional()
    .describe(
      'Expiry of an online value after its last write; longer than the longest window. Default: that window + 10d.',
    ),
  freshness: keys.duration
    .prefault('1m')
    .describe(
      'Objective: a record is readable online this long after it is in the log, or an alert is raised. Changes no value.',
    ),
  joinTtl: keys.duration
    .optional()
    .describe('Oldest row that a point-in-time join may use. Default: no bound.'),
  defaults: z
    .record(keys.name, literal)
    .optional()
    .describe(
      'Column (or feature: all its windows) -> what a reader takes where the value is missing.',
    ),
  validate: validation
    .optional()
    .describe(
      'Limits for the rows of each day. A backfill beyond them is not published; live, an alert is raised. Changes no value.',
    ),
  owner: z.string({ error: 'a text' }).optional().describe('Who to ask.'),
  description: z.string({ error: 'a text' }).optional().describe('For people.'),
  tags: z
    .record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean()], { error: 'a text' }).transform(String),
    )
    .prefault({})
    .describe('Free labels, such as `pii: none`.'),
})
