/**
 * An event's own time: whatever the declared format holds -> integer ms, or what is wrong with it.
 *
 * A wrong time is worse than none: read as ms, an instant in seconds lies in 1970 and is lost as too late, one in micros
 * lies 50,000 years ahead and carries the watermark with it. So times outside [notBefore, 2200) are refused, and the
 * message names the unit in which the number would be plausible. Fractions of a millisecond are dropped, towards the past.
 */
import type { TimeFormat } from './definition.ts'
import { INSTANT_MAX_MS, formatInstant, parseInstant } from './instant.ts'
import { compilePattern } from './time-pattern.ts'
import type { Value } from './value.ts'

/** Ms, or the problem as a sentence. */
export type EventTimeReader = (value: Value | undefined) => number | string

export interface EventTimeBounds {
  /** Earlier times are refused, ms. */
  readonly notBeforeMs: number
}

type NumberFormat = 'ms' | 's' | 'us'

/** @throws DEFINITION_INVALID for a pattern that cannot be read back, or an unknown zone. */
export function compileEventTime(format: TimeFormat, bounds: EventTimeBounds): EventTimeReader {
  switch (format.kind) {
    case 'ms':
      return compileMilliseconds(bounds)
    case 's':
    case 'us':
      return (value) => readNumber(value, format.kind, bounds)
    case 'iso':
      return compileText(parseInstant, 'an ISO 8601 text', bounds)
    case 'pattern':
      return compileText(
        compilePattern(format.pattern, format.zone),
        `a text like ${format.pattern}`,
        bounds,
      )
  }
}

/** The hot path: nearly every log has ms, as a plain number, in range. */
function compileMilliseconds(bounds: EventTimeBounds): EventTimeReader {
  const { notBeforeMs } = bounds
  return (value) => {
    const isPlain = typeof value === 'number' && Number.isInteger(value)
    if (isPlain && value >= notBeforeMs && value < INSTANT_MAX_MS) return value + 0
    return readNumber(value, 'ms', bounds)
  }
}

function compileText(
  read: (text: string) => number | string,
  expected: string,
  bounds: EventTimeBounds,
): EventTimeReader {
  return (value) => {
    if (typeof value !== 'string') return `expected ${expected}, received ${describe(value)}`
    const time = read(value)
    return typeof time === 'string' ? time : (outOfBounds(time, bounds, value) ?? time)
  }
}

function readNumber(
  value: Value | undefined,
  unit: NumberFormat,
  bounds: EventTimeBounds,
): number | string {
  const count = integerOf(value)
  if (count === undefined) {
    return `expected an integer number of ${NAMES[unit]}, received ${describe(value)}${hintForText(value)}`
  }
  const time = toMs(count, unit)
  if (isPlausible(time, bounds)) return time
  const other = UNITS.find((unitName) => isPlausible(toMs(count, unitName), bounds))
  if (other !== undefined) {
    const meant = formatInstant(toMs(count, other))
    return `${count} as ${NAMES[unit]} is ${instantText(time)}; as ${NAMES[other]} it would be ${meant}: ${remedy(other)}`
  }
  return outOfBounds(time, bounds, String(count)) ?? time
}

/** All units that are met in practice; ns cannot be declared, but are told when they are met. */
type Unit = NumberFormat | 'ns'
const UNITS: readonly Unit[] = ['s', 'ms', 'us', 'ns']
const NAMES: Readonly<Record<Unit, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
}

function remedy(unit: Unit): string {
  return unit === 'ns'
    ? 'nanoseconds have no format of their own, send ms or us'
    : `set the time's format to ${unit}`
}

/** Integers are exact here: as a number while safe, as text or bigint beyond. */
function integerOf(value: Value | undefined): number | bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value !== 'string' || !/^-?\d{1,30}$/.test(value)) return undefined
  const count = Number(value)
  return Number.isSafeInteger(count) ? count : BigInt(value)
}

function toMs(count: number | bigint, unit: Unit): number {
  switch (unit) {
    case 's':
      return Number(count) * 1000 + 0
    case 'ms':
      return Number(count) + 0
    case 'us':
      return floorDivide(count, 1000)
    case 'ns':
      return floorDivide(count, 1_000_000)
  }
}

function floorDivide(count: number | bigint, divisor: number): number {
  if (typeof count === 'number') return Math.floor(count / divisor) + 0
  const quotient = count / BigInt(divisor)
  return Number(count < 0n && quotient * BigInt(divisor) !== count ? quotient - 1n : quotient)
}

function isPlausible(time: number, { notBeforeMs }: EventTimeBounds): boolean {
  return time >= notBeforeMs && time < INSTANT_MAX_MS
}

function outOfBounds(time: number, bounds: EventTimeBounds, written: string): string | undefined {
  if (isPlausible(time, bounds)) return undefined
  return time >= INSTANT_MAX_MS
    ? `${written} is ${instantText(time)}, beyond ${formatInstant(INSTANT_MAX_MS)}, the last time that is taken for one`
    : `${written} is ${instantText(time)}, before ${formatInstant(bounds.notBeforeMs)}, the earliest time that is accepted (time.notBefore)`
}

/** Numbers in a wrong unit can lie beyond any calendar. */
function instantText(time: number): string {
  return Math.abs(time) < 8.64e15 ? formatInstant(time) : `an instant ${time} ms from 1970`
}

function hintForText(value: Value | undefined): string {
  return typeof value === 'string' && typeof parseInstant(value) === 'number'
    ? ": that is ISO 8601, set the time's format to iso"
    : ''
}

function describe(value: Value | undefined): string {
  if (value === undefined) return 'another type'
  return value === null
    ? 'nothing'
    : JSON.stringify(typeof value === 'bigint' ? String(value) : value)
}
