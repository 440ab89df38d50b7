/**
 * Aggregates for the oracle, from plain arrays of a window's values: `docs/numbers.md` in code. Every day is an array in
 * log order; days come in day order.
 */
import type { FeatureDefinition } from '../../src/core/definition.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { narrow } from './value-oracle.ts'

export interface Observation {
  /** Null where the field is absent; anything for `count: "*"`. */
  readonly value: Value
  readonly eventTime: number
  readonly offset: number
}

/** `type` is the field's; undefined for `*`. */
export function aggregate(
  { aggregate: kind, field }: Pick<FeatureDefinition, 'aggregate' | 'field'>,
  type: FieldType | undefined,
  days: readonly (readonly Observation[])[],
): Value {
  if (kind === 'count' && field === '*') return days.flat().length
  const present = days.map((day) => day.filter(({ value }) => value !== null))
  const all = present.flat()
  const inTime = [...all].sort((a, b) => a.eventTime - b.eventTime || a.offset - b.offset)
  const byValue = all.map(({ value }) => value).sort(compareValues)
  switch (kind) {
    case 'count':
      return all.length
    case 'first':
      return inTime[0]?.value ?? null
    case 'last':
      return inTime.at(-1)?.value ?? null
    case 'min':
      return byValue[0] ?? null
    case 'max':
      return byValue.at(-1) ?? null
    case 'sum':
      return type?.kind === 'double' ? finite(doubleSum(present)) : narrow(exactSum(all))
    case 'avg':
      return all.length === 0 ? null : finite(total(present, type) / all.length)
    case 'variance':
      return variance(present, type)
    case 'stddev': {
      const squared = variance(present, type)
      return squared === null ? null : finite(Math.sqrt(squared))
    }
  }
}

/** One zero; what is not finite is null. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null
}

/** 10^scale as a double; 1 for what has no scale. */
export function unitOf(type: FieldType | undefined): number {
  return type?.kind === 'decimal' ? Number(`1e${type.scale}`) : 1
}

/** Numbers and bigints by value, false before true, text by its UTF-8 bytes. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string')
    return Buffer.compare(Buffer.from(a), Buffer.from(b))
  const [left, right] = [a, b].map((v) => (typeof v === 'boolean' ? Number(v) : v)) as [
    number,
    number,
  ]
  return left < right ? -1 : left > right ? 1 : 0
}

function exactSum(all: readonly Observation[]): bigint {
  return all.reduce((sum, { value }) => sum + BigInt(value as number | bigint), 0n)
}

function doubleSum(days: readonly (readonly Observation[])[]): number {
  const tiles = days.map((day) => day.reduce((sum, { value }) => sum + (value as number), 0))
  return tiles.reduce((sum, tile) => sum + tile, 0)
}

function total(days: readonly (readonly Observation[])[], type: FieldType | undefined): number {
  return type?.kind === 'double' ? doubleSum(days) : Number(exactSum(days.flat())) / unitOf(type)
}

/** Population variance. */
function variance(
  days: readonly (readonly Observation[])[],
  type: FieldType | undefined,
): number | null {
  const count = days.flat().length
  if (count === 0) return null
  if (type?.kind === 'double') return finite(combine(days.map(welford)).m2 / count)
  const n = BigInt(count)
  const values = days.flat().map(({ value }) => BigInt(value as number | bigint))
  const sum = values.reduce((a, b) => a + b, 0n)
  const squares = values.reduce((a, b) => a + b * b, 0n)
  const unit = type?.kind === 'decimal' ? Number(`1e${2 * type.scale}`) : 1
  return finite(Number(n * squares - sum * sum) / Number(n * n) / unit)
}

interface Moments {
  readonly n: number
  readonly mean: number
  readonly m2: number
}

function welford(day: readonly Observation[]): Moments {
  let [n, mean, m2] = [0, 0, 0]
  for (const { value } of day) {
    const x = value as number
    const delta = x - mean
    n += 1
    mean = mean + delta / n
    m2 = m2 + delta * (x - mean)
  }
  return { n, mean, m2 }
}

/** Chan, Golub and LeVeque (1979), left to right; days without values are passed over. */
function combine(days: readonly Moments[]): Moments {
  const [first, ...rest] = days.filter(({ n }) => n > 0)
  if (first === undefined) return { n: 0, mean: 0, m2: 0 }
  return rest.reduce((a, b) => {
    const n = a.n + b.n
    const delta = b.mean - a.mean
    const mean = a.mean + (delta * b.n) / n
    return { n, mean, m2: a.m2 + b.m2 + (delta * delta * a.n * b.n) / n }
  }, first)
}
