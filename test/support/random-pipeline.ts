/**
 * Random pipelines as a user would write them (JSON is YAML): fields of every type, all aggregations, all forms of `where`,
 * derived features, windows of 1 to 10 days, zones that change their clocks, policies tight enough that lateness happens.
 */
import fc from 'fast-check'

/** A pipeline file, with every place relative to the directory that it lies in. */
export interface PipelineDocument {
  readonly name: string
  readonly source: {
    readonly files: string | { readonly directory: string; readonly timestamp: string }
    readonly format: 'json'
    readonly key: string
    readonly fields: Readonly<
      Record<string, string | { readonly path: string; readonly type: string }>
    >
    readonly event: {
      readonly id?: string
      readonly duplicatesWithin?: string
      readonly time: { readonly field: string; readonly format: TimeFormatDocument }
    }
  }
  readonly time: Readonly<
    Record<'zone' | 'outOfOrderness' | 'allowedLateness' | 'maxFuture', string>
  >
  readonly views: Readonly<Record<string, ViewDocument>>
  readonly sinks: object
  readonly state: string
  readonly commit: object
}

export type TimeFormatDocument =
  'ms' | 's' | 'us' | 'iso' | { readonly pattern: string; readonly zone: string }

export interface ViewDocument {
  readonly entity: readonly string[]
  readonly where?: object
  readonly windows: readonly string[]
  readonly features: Readonly<Record<string, object>>
  readonly derived?: Readonly<Record<string, string>>
  readonly online: 'current' | 'closed'
}

/** How records lie in the log: `frames` have key, timestamp and headers; `lines` are bare JSON. */
export type Framing = 'frames' | 'lines'

/** Zones with a day on which something happens to the clocks there: logs begin two days before it. */
export const ZONES = [
  { zone: 'UTC', around: '2024-02-29' },
  { zone: 'Europe/Berlin', around: '2024-03-31' },
  { zone: 'America/New_York', around: '2024-11-03' },
  { zone: 'Asia/Kolkata', around: '2024-01-01' },
  { zone: 'Australia/Lord_Howe', around: '2024-04-07' },
  { zone: 'America/Sao_Paulo', around: '2018-11-04' },
  { zone: 'America/St_Johns', around: '2008-11-02' },
  { zone: 'Pacific/Apia', around: '2011-12-30' },
] as const

/** Fields beside the key `user`, with the values that filters compare with. */
const FIELDS = {
  item: { type: 'int64', literals: [1, 2, 42] },
  kind: { type: 'string', literals: ['click', 'view', 'buy'] },
  region: { type: 'string', literals: ['north', 'ｚone', '🚀'] },
  level: { type: 'int32', literals: [-1, 0, 3] },
  points: { type: 'int64', literals: [0, 5, 9007199254740991] },
  amount: { type: 'decimal(18,2)', literals: [0, 9.99, 10.5] },
  weight: { type: 'double', literals: [0, 0.5, -1.25] },
  ok: { type: 'boolean', literals: [true, false] },
  born: { type: 'date', literals: ['2024-01-31', '2024-03-01'] },
  seen: { type: 'timestamp', literals: ['2024-03-01T00:00:00Z'] },
} as const

export type FieldName = keyof typeof FIELDS
export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[]

const ORDERED: readonly FieldName[] = FIELD_NAMES.filter((name) => name !== 'ok')
const NUMERIC: readonly FieldName[] = ['item', 'level', 'points', 'amount', 'weight']

export interface DocumentShape {
  readonly document: PipelineDocument
  readonly framing: Framing
  /** `string` or `int64`. */
  readonly keyType: string
  readonly around: string
}

export const pipelines: fc.Arbitrary<DocumentShape> = fc
  .record({
    framing: fc.constantFrom<Framing>('frames', 'lines'),
    place: fc.constantFrom(...ZONES),
    keyType: fc.constantFrom('string', 'int64'),
    format: fc.oneof(
      { weight: 3, arbitrary: fc.constant<TimeFormatDocument>('ms') },
      {
        weight: 2,
        arbitrary: fc.constantFrom<TimeFormatDocument>('s', 'us', 'iso', {
          pattern: 'yyyy-MM-dd HH:mm:ss.SSS',
          zone: 'UTC',
        }),
      },
    ),
    ids: fc.constantFrom<object>(
      {},
      { id: 'id' },
      { id: 'id', duplicatesWithin: '1h' },
      { id: 'id', duplicatesWithin: '5d' },
    ),
    outOfOrderness: fc.constantFrom('0s', '30m', '2h', '26h'),
    allowedLateness: fc.constantFrom('0s', '1h', '12h', '24h', '3d'),
    views: fc.array(view(), { minLength: 1, maxLength: 3 }),
    slots: fc.integer({ min: 1, max: 3 }),
    commitRecords: fc.constantFrom(1, 7, 50_000),
  })
  .map((parts) => {
    const { framing, place, keyType } = parts
    return { document: documentOf(parts), framing, keyType, around: place.around }
  })

function documentOf(parts: {
  readonly framing: Framing
  readonly place: { readonly zone: string }
  readonly keyType: string
  readonly format: TimeFormatDocument
  readonly ids: object
  readonly outOfOrderness: string
  readonly allowedLateness: string
  readonly views: readonly ViewDocument[]
  readonly slots: number
  readonly commitRecords: number
}): PipelineDocument {
  const types = FIELD_NAMES.map((name) => [name, FIELDS[name].type] as const)
  return {
    name: 'random',
    source: {
      files:
        parts.framing === 'frames' ? './log' : { directory: './log', timestamp: 'meta.received' },
      format: 'json',
      key: 'user',
      fields: {
        user: parts.keyType,
        ...Object.fromEntries(types),
        region: { path: 'geo.region', type: 'string' },
      },
      event: { ...parts.ids, time: { field: 'at', format: parts.format } },
    },
    time: {
      zone: parts.place.zone,
      outOfOrderness: parts.outOfOrderness,
      allowedLateness: parts.allowedLateness,
      maxFuture: '10m',
    },
    views: Object.fromEntries(parts.views.map((one, index) => [`view${index}`, one])),
    sinks: {
      online: { leveldb: './online' },
      offline: { delta: './features', slots: parts.slots },
    },
    state: './state',
    commit: { records: parts.commitRecords },
  }
}

function view(): fc.Arbitrary<ViewDocument> {
  return fc
    .uniqueArray(fc.constantFrom(1, 2, 3, 5, 7, 10), { minLength: 1, maxLength: 3 })
    .map((windows) => windows.sort((a, b) => a - b))
    .chain((windows) =>
      fc
        .record({
          entity: fc.constantFrom(
            ['user'],
            ['user'],
            ['user', 'item'],
            ['kind', 'user'],
            ['user', 'ok', 'born'],
          ),
          where: fc.option(condition(), { nil: undefined, freq: 3 }),
          features: fc.array(feature(windows), { minLength: 1, maxLength: 5 }),
          templates: fc.array(fc.nat({ max: DERIVED.length - 1 }), { maxLength: 2 }),
          online: fc.constantFrom<'current' | 'closed'>('current', 'closed'),
        })
        .map(({ entity, where, features, templates, online }) => {
          const named = [{ count: '*' }, ...features].map(
            (one, index) => [`f${index}`, one] as const,
          )
          const derived = derivedOf(named, templates, windows)
          return {
            entity,
            ...(where === undefined ? {} : { where }),
            windows: windows.map((days) => `${days}d`),
            features: Object.fromEntries(named),
            ...(Object.keys(derived).length === 0 ? {} : { derived }),
            online,
          }
        }),
    )
}

function feature(windows: readonly number[]): fc.Arbitrary<object> {
  return fc
    .record({
      aggregate: fc.oneof(
        fc.constant<readonly [string, string]>(['count', '*']),
        pair(['count', 'first', 'last'], FIELD_NAMES),
        pair(['min', 'max'], ORDERED),
        pair(['sum', 'avg', 'variance', 'stddev'], NUMERIC),
        pair(['sum', 'avg', 'variance', 'stddev'], NUMERIC),
      ),
      where: fc.option(condition(), { nil: undefined, freq: 2 }),
      subset: fc.option(fc.subarray([...windows], { minLength: 1 }), { nil: undefined, freq: 2 }),
    })
    .map(({ aggregate: [kind, field], where, subset }) => {
      return {
        [kind]: field,
        ...(where === undefined ? {} : { where }),
        ...(subset === undefined ? {} : { windows: subset.map((days) => `${days}d`) }),
      }
    })
}

function pair(
  kinds: readonly string[],
  fields: readonly string[],
): fc.Arbitrary<readonly [string, string]> {
  return fc.tuple(fc.constantFrom(...kinds), fc.constantFrom(...fields))
}

// --- where ---------------------------------------------------------------------------------------------------------

function condition(depth = 2): fc.Arbitrary<object> {
  const tests = fc
    .uniqueArray(fc.constantFrom(...FIELD_NAMES), { minLength: 1, maxLength: 2 })
    .chain((names) =>
      fc
        .tuple(...names.map((name) => fieldTest(name)))
        .map((values) => Object.fromEntries(names.map((name, index) => [name, values[index]]))),
    )
  if (depth === 0) return tests
  const inner = condition(depth - 1)
  const several = fc.array(inner, { minLength: 1, maxLength: 2 })
  return fc.oneof(
    { weight: 4, arbitrary: tests },
    { weight: 1, arbitrary: several.map((any) => ({ any })) },
    { weight: 1, arbitrary: several.map((all) => ({ all })) },
    { weight: 1, arbitrary: inner.map((not) => ({ not })) },
    { weight: 1, arbitrary: fc.tuple(tests, inner).map(([test, not]) => ({ ...test, not })) },
  )
}

function fieldTest(name: FieldName): fc.Arbitrary<unknown> {
  const value = fc.constantFrom<unknown>(...FIELDS[name].literals)
  const list = fc.uniqueArray(value, { minLength: 1, maxLength: 2 })
  const equality = [
    value,
    list,
    value.map((eq) => ({ eq })),
    value.map((ne) => ({ ne })),
    value.map((not) => ({ not })),
    list.map((not) => ({ not })),
    list.map((one) => ({ in: one })),
    fc.boolean().map((present) => ({ present })),
  ]
  const order = fc.constantFrom('gt', 'gte', 'lt', 'lte')
  const bounds = fc.tuple(order, value).map(([op, bound]) => ({ [op]: bound }))
  const range = fc.tuple(value, value).map(([gte, lt]) => ({ gte, lt }))
  const comparisons: fc.Arbitrary<unknown>[] = name === 'ok' ? [] : [bounds, range]
  return fc.oneof(...equality, ...comparisons)
}

// --- derived -------------------------------------------------------------------------------------------------------

/** `a` and `b` are numeric features, `w` a window of the view. */
const DERIVED: readonly ((a: string, b: string, w: number) => string)[] = [
  (a, b) => `${a} / nullif(${b}, 0)`,
  (a) => `coalesce(${a}, -1) * 2.5 - 1`,
  (a, b) => `case when ${a} > 3 then 'high' when ${b} is null then 'none' else 'low' end`,
  (a, b) => `${a} >= 1 and not (${b} < 2)`,
  (a, b) => `${a} is not null or ${b} = 1`,
  (a, b) => `greatest(${a}, least(${b}, 7), 1)`,
  (a) => `round(sqrt(abs(${a})) * 10) / 10`,
  (a, b) => `-${a} % 3 + ${b}`,
  (a) => `ln(${a} + 1) + exp(-abs(${a}))`,
  (a, _b, w) => `${a}_${w}d * 30 / nullif(f0_${w}d, 0)`,
]

function derivedOf(
  features: readonly (readonly [name: string, feature: object])[],
  templates: readonly number[],
  windows: readonly number[],
): Record<string, string> {
  // Bare names need a window that all of them have: only features with all windows of the view are used.
  const usable = features
    .filter(([, one]) => !('windows' in one) && isNumber(one))
    .map(([name]) => name)
  const pick = (index: number): string => usable[index % usable.length] ?? 'f0'
  return Object.fromEntries(
    templates.map((template, index) => {
      const text = DERIVED[template]?.(pick(index + 1), pick(index + 2), windows[0] ?? 1) ?? 'f0'
      return [`d${index}`, text]
    }),
  )
}

function isNumber(one: object): boolean {
  const [kind, field] = Object.entries(one)[0] as [string, string]
  return !['first', 'last', 'min', 'max'].includes(kind) || NUMERIC.includes(field as FieldName)
}
