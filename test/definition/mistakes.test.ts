/** What a user is told about a wrong file: the place, the rule, what was found, the nearest known name. */
import { expect, test } from 'vitest'
import { SHOP, changed, problemsOf } from './definition-text.ts'

const WINDOW_RULE =
  'whole days from `1d` to `366d` (stored tiles are civil days, so shorter windows cannot be answered)'
const DURATION_RULE = 'a duration such as `30m`, `24h` or `7d` (units ms, s, m, h, d)'
const NAME_RULE = 'a name of lower-case letters, digits and _ that begins with a letter'
const REKEY_RULE =
  "expected the source's key (`user_id`) among the entity's fields: the log is partitioned by it, so the events of any other entity are spread over partitions, and the rekey hop that would gather them is not built yet"

type Mistake = readonly [what: string, from: string, to: string, message: string]

const MISTAKES: readonly Mistake[] = [
  [
    'an unknown key at the top',
    'sinks:',
    'sink:',
    '28:1 sink: unknown key `sink`; did you mean `sinks`?',
  ],
  [
    'an unknown key of a feature',
    'sum: amount,',
    'sum: amount, wher: {},',
    '23:29 views.users.features.spend.wher: unknown key `wher`; did you mean `where`?',
  ],
  [
    'a missing entity',
    '    entity: user_id\n',
    '',
    '16:3 views.users.entity: missing; expected the name of a field, or a list of names',
  ],
  [
    'a name with a capital',
    'name: shop',
    'name: Shop',
    `1:7 name: expected ${NAME_RULE}, found "Shop"`,
  ],
  [
    'a feature that begins with _',
    'spend: {',
    '_spend: {',
    `23:7 views.users.features._spend: expected ${NAME_RULE}, found \`_spend\``,
  ],
  [
    'a field whose name is another case',
    'item_id: int64',
    'itemId: int64',
    `7:5 source.fields.itemId: expected ${NAME_RULE}, found \`itemId\`; for a field of another name write \`my_name: { path: "theName", type: string }\``,
  ],
  [
    'a field named like a word of where',
    'paid: boolean',
    'any: boolean',
    '10:5 source.fields.any: expected another name: `any` is a word of `where`; write `my_any: { path: any, type: ... }`',
  ],
  [
    'a type of another system',
    'item_id: int64',
    'item_id: long',
    '7:14 source.fields.item_id: expected a type, found "long"; did you mean `int64`?',
  ],
  [
    'a decimal too long for 64 bits',
    'decimal(18,2)',
    'decimal(19,2)',
    '8:13 source.fields.amount: expected a decimal of 1 to 18 digits (a value has to fit 64 bits), found "decimal(19,2)"',
  ],
  [
    'a scale beyond the digits',
    'decimal(18,2)',
    'decimal(2,3)',
    '8:13 source.fields.amount: expected a scale of at most 2, the digits there are, found "decimal(2,3)"',
  ],
  [
    'an unknown place beside the value',
    'score: double',
    'score: { path: $ky, type: double }',
    '9:20 source.fields.score.path: expected a path, `$key`, `$timestamp` or `$header.<name>`, found "$ky"; did you mean `$key`?',
  ],
  [
    'a key that is no field',
    'key: user_id',
    'key: usr_id',
    '4:8 source.key: expected a field of the source, found "usr_id"; did you mean `user_id`?',
  ],
  [
    'no log',
    '  files: ./events\n',
    '',
    '2:1 source: expected one of `files` and `kafka`, found neither',
  ],
  [
    'a broker without a port',
    'files: ./events',
    'kafka: { brokers: "a:1,b", topic: t }',
    '3:21 source.kafka.brokers: expected `host:port`, several separated by commas, found "a:1,b"',
  ],
  [
    'an unknown format of the event time',
    'field: event_ts',
    'field: event_ts, format: mss',
    '13:59 source.event.time.format: expected `ms`, `s`, `us`, `iso` or `{ pattern, zone }`, found "mss"; did you mean `ms`?',
  ],
  [
    'an unknown zone',
    'zone: UTC',
    'zone: Europe/Berln',
    '14:15 time.zone: expected an IANA zone such as `UTC` or `Europe/Berlin`, found "Europe/Berln"',
  ],
  [
    'a negative lateness',
    'allowedLateness: 24h',
    'allowedLateness: -24h',
    `14:37 time.allowedLateness: expected ${DURATION_RULE}, found "-24h"`,
  ],
  [
    'a duration without a unit',
    'allowedLateness: 24h',
    'allowedLateness: 24',
    `14:37 time.allowedLateness: expected ${DURATION_RULE}, found 24`,
  ],
  [
    'a window shorter than a day',
    '[1d, 7d, 30d]',
    '[6h, 7d, 30d]',
    `19:15 views.users.windows[0]: expected ${WINDOW_RULE}, found "6h"`,
  ],
  [
    'a window beyond a year',
    '[1d, 7d, 30d]',
    '[1d, 7d, 30d, 367d]',
    `19:28 views.users.windows[3]: expected ${WINDOW_RULE}, found "367d"`,
  ],
  [
    'a window twice',
    '[1d, 7d, 30d]',
    '[1d, 7d, 30d, 7d]',
    '19:28 views.users.windows[3]: expected each window once, found `7d` again',
  ],
  [
    "a feature's window that the view lacks",
    'windows: [7d, 30d]',
    'windows: [7d, 14d]',
    '23:43 views.users.features.spend.windows[1]: expected windows of the view (`1d`, `7d`, `30d`), found `14d`; add it to `windows` of the view',
  ],
  [
    'a ttl that is the longest window',
    'ttl: 40d',
    'ttl: 30d',
    '26:10 views.users.ttl: expected more than the longest window (30d), or values would expire while they still count; found `30d`',
  ],
  [
    'an entity without the key',
    'entity: user_id',
    'entity: item_id',
    `17:13 views.users.entity: ${REKEY_RULE}`,
  ],
  [
    'an entity of doubles',
    'entity: user_id',
    'entity: [user_id, score]',
    '17:23 views.users.entity[1]: expected a field with exact values; `score` is double, whose equality is no identity',
  ],
  [
    'an unknown field in an aggregate',
    'sum: amount',
    'sum: amout',
    '23:21 views.users.features.spend.sum: expected a field of the source, found "amout"; did you mean `amount`?',
  ],
  [
    'a sum of texts',
    'sum: amount',
    'sum: event_type',
    '23:21 views.users.features.spend.sum: sum needs a number (int32, int64, double, decimal), not string',
  ],
  [
    'the largest of booleans',
    'sum: amount',
    'max: paid',
    '23:21 views.users.features.spend.max: max needs an ordered type, and true/false have none',
  ],
  [
    'the sum of records',
    'sum: amount',
    'sum: "*"',
    '23:21 views.users.features.spend.sum: expected the name of a field, found "*": only count counts whole records',
  ],
  [
    'two aggregates in one feature',
    'sum: amount',
    'sum: amount, max: amount',
    '23:14 views.users.features.spend: expected one aggregate (count, sum, min, max, avg, variance, stddev, first, last), found `sum` and `max`',
  ],
  [
    'a slip in a filter',
    '{ event_type: click }',
    '{ evnt_type: click }',
    '21:38 views.users.features.clicks.where.evnt_type: expected a field of the source, found `evnt_type`; did you mean `event_type`? (if it is another field, declare it: `source.fields.evnt_type`)',
  ],
  [
    'a filter whose field has no type',
    '{ event_type: click }',
    '{ quantity: 3 }',
    '21:38 views.users.features.clicks.where.quantity: expected a field of the source, found `quantity`; there are `user_id`, `item_id`, `amount`, `score`, `paid`, `at`, `event_type`; its type cannot be told from here, declare it under `source.fields`',
  ],
  [
    'a comparison with null',
    '{ event_type: click }',
    '{ event_type: null }',
    '21:50 views.users.features.clicks.where.event_type: expected a value, a list of values or a test such as `{ gte: 10 }`, found nothing',
  ],
  [
    'an unknown test',
    '{ event_type: click }',
    '{ amount: { gtt: 1 } }',
    '21:48 views.users.features.clicks.where.amount.gtt: unknown key `gtt`; did you mean `gt`?',
  ],
  [
    'a text for an integer',
    '{ event_type: click }',
    '{ item_id: "7" }',
    '21:47 views.users.features.clicks.where.item_id: expected a whole number that fits int64, found "7"; the field is int64',
  ],
  [
    'a number for a text',
    '{ event_type: click }',
    '{ event_type: 7 }',
    '21:50 views.users.features.clicks.where.event_type: expected a text (write "7" in quotes), found 7; the field is string',
  ],
  [
    'an amount that would be rounded',
    '{ event_type: click }',
    '{ amount: { gt: 12.505 } }',
    '21:52 views.users.features.clicks.where.amount.gt: expected at most 2 digits after the point for decimal(18,2) (nothing is rounded), found 12.505; the field is decimal(18,2)',
  ],
  [
    'an instant without an offset',
    '{ event_type: click }',
    '{ at: { gt: 2026-01-31 } }',
    '21:48 views.users.features.clicks.where.at.gt: expected an instant such as `2026-01-31T00:00:00Z`, or integer milliseconds, found "2026-01-31"; the field is timestamp',
  ],
  [
    'an order of booleans',
    '{ event_type: click }',
    '{ paid: { gt: false } }',
    '21:50 views.users.features.clicks.where.paid.gt: gt: true/false have no order',
  ],
  [
    'an unknown feature in an expression',
    'clicks / nullif',
    'clcks / nullif',
    '25:12 views.users.derived.ctr: expected a feature of the view, found `clcks`; did you mean `clicks`?',
  ],
  [
    'a window that the feature lacks',
    'clicks / nullif(views, 0)',
    'spend_1d / 2',
    '25:12 views.users.derived.ctr: expected a window of `spend`, found `1d`; there are `spend_7d`, `spend_30d`',
  ],
  [
    'no common window',
    'clicks / nullif(views, 0)',
    'spend / only',
    '26:12 views.users.derived.ctr: expected a window that all bare names have, found none common to `spend` and `only`',
  ],
  [
    'an expression without features',
    'clicks / nullif(views, 0)',
    '1 + 1',
    '25:12 views.users.derived.ctr: expected the name of a feature in the expression, found none',
  ],
  [
    'a derived feature of a derived one',
    'ttl: 40d',
    '  twice: ctr_7d * 2',
    '26:14 views.users.derived.twice: expected a feature, found the derived `ctr_7d`: derived features read features only',
  ],
  [
    'a derived feature named like a feature',
    '      ctr: clicks',
    '      views: clicks',
    '25:7 views.users.derived.views: expected another name: a feature is named `views` too',
  ],
  [
    "a feature named like another's column",
    '      views: {',
    '      clicks_7d: { count: "*" }\n      views: {',
    '22:7 views.users.features.clicks_7d: expected another name: the column `clicks_7d` is already that of the feature `clicks`',
  ],
  [
    'a default for no column',
    'defaults: { clicks: 0 }',
    'defaults: { clicks_9d: 0 }',
    '27:17 views.users.defaults.clicks_9d: expected a column or a feature of the view, found `clicks_9d`; did you mean `clicks_1d`?',
  ],
  [
    'two online stores',
    '{ leveldb: ./online }',
    '{ leveldb: ./online, redis: "redis://h" }',
    '29:3 sinks.online: expected one of `leveldb` and `redis`, found both',
  ],
  [
    'one directory for two things',
    '{ delta: ./features }',
    '{ delta: ./online/ }',
    '30:21 sinks.offline.delta: expected a directory of its own; "./online/" is that of `sinks.online.leveldb` too',
  ],
  [
    'text that is not YAML',
    'name: shop',
    'name: [shop',
    '2:1 : not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  [
    'a key twice',
    'name: shop',
    'name: shop\nname: shop',
    '2:1 : not YAML: Map keys must be unique',
  ],
  [
    'a type that a comma cut in two',
    'score: double',
    'score: { type: decimal(9,2) }',
    '9:20 source.fields.score.type: expected a type, found "decimal(9"; inside { } write it in quotes: "decimal(18,2)"',
  ],
]

test.each(MISTAKES)('%s is told', (what, from, to, message) => {
  const isOnly = what === 'no common window'
  const base = isOnly
    ? changed(SHOP, '    derived:', '      only: { count: "*", windows: [1d] }\n    derived:')
    : SHOP
  expect(problemsOf(changed(base, from, to))).toContain(message)
})

test('one mistake is told once, but for the type that a comma cut in two, which leaves two parts', () => {
  const several = MISTAKES.filter(([what, from, to]) => {
    return what !== 'no common window' && problemsOf(changed(SHOP, from, to)).length !== 1
  })
  expect(several.map(([what]) => what)).toEqual(['a type that a comma cut in two'])
})

test('all mistakes are told at once, of shapes and of meaning, in the order of the file', () => {
  let text = changed(SHOP, 'zone: UTC', 'zone: Mars')
  text = changed(text, 'item_id: int64', 'item_id: int')
  text = changed(text, '[1d, 7d, 30d]', '[1d, 7d, 30]')
  text = changed(text, 'sum: amount', 'sum: amout')
  text = changed(text, 'ttl: 40d', 'tl: 40d')
  expect(problemsOf(text).map((line) => line.split(': ')[0])).toEqual([
    '7:14 source.fields.item_id',
    '14:15 time.zone',
    '19:23 views.users.windows[2]',
    '23:21 views.users.features.spend.sum',
    '26:5 views.users.tl',
  ])
})

test('what refers to a part that is wrong is no mistake of its own', () => {
  const text = changed(SHOP, 'amount: decimal(18,2)', 'amount: money')
  expect(problemsOf(text)).toHaveLength(1)
  expect(problemsOf(changed(SHOP, 'clicks: { count: "*",', 'clicks: { cont: "*",'))).toEqual([
    '21:17 views.users.features.clicks.cont: unknown key `cont`; did you mean `count`?',
  ])
})

test('an empty file is told what it lacks', () => {
  expect(problemsOf('')).toEqual(['-:- : expected a mapping, found nothing'])
})
