/**
 * From a record's JSON to typed values, for the oracle: one field of one record at a time, by the letter of the types.
 * `undefined` is "present with the wrong type", null is absent.
 */
import type { FieldPath, TimeFormat } from '../../src/core/definition.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { instantOf } from './civil-oracle.ts'
import { NumberText, type Json, type JsonObject } from './plain-json.ts'
import type { RawRecord } from './raw-record.ts'

/** What is found at a path: JSON inside the value, text for key and headers, ms for the timestamp. */
export function lookUp(record: RawRecord, root: JsonObject, path: FieldPath): Json {
  switch (path.kind) {
    case 'value': {
      let found: Json = root
      for (const segment of path.segments) {
        if (!(found instanceof Map)) return null
        found = (found as JsonObject).get(segment) ?? null
      }
      return found
    }
    case 'key':
      return record.key
    case 'timestamp':
      return Number.isNaN(record.timestamp) ? null : new NumberText(String(record.timestamp))
    case 'header':
      return record.headers?.[path.name] ?? null
  }
}

export function readValue(json: Json, type: FieldType): Value | undefined {
  if (json === null) return null
  switch (type.kind) {
    case 'string':
      return typeof json === 'string' ? json : undefined
    case 'boolean':
      return typeof json === 'boolean' ? json : undefined
    case 'double': {
      const number = json instanceof NumberText ? Number(json.text) : NaN
      return Number.isFinite(number) ? number + 0 : undefined
    }
    case 'int32':
      return json instanceof NumberText ? inBits(unscaled(json, 0), 32) : undefined
    case 'int64':
      return inBits(unscaled(json, 0), 64)
    case 'decimal': {
      const value = unscaled(json, type.scale)
      const fits = value !== undefined && abs(value) < 10n ** BigInt(type.precision)
      return fits ? narrow(value) : undefined
    }
    case 'timestamp':
      return readTime(json, { kind: json instanceof NumberText ? 'ms' : 'iso' })
    case 'date':
      return readDate(json)
  }
}

/** Integer ms; undefined where there is none in this format. */
export function readTime(json: Json, format: TimeFormat): number | undefined {
  switch (format.kind) {
    case 'ms':
      return wholeNumber(json)
    case 's': {
      const seconds = wholeNumber(json)
      return seconds === undefined ? undefined : seconds * 1000
    }
    case 'us': {
      const micros = wholeNumber(json)
      return micros === undefined ? undefined : Math.floor(micros / 1000)
    }
    case 'iso':
      return typeof json === 'string' ? readIso(json) : undefined
    case 'pattern':
      return typeof json === 'string' ? readPattern(json, format) : undefined
  }
}

function wholeNumber(json: Json): number | undefined {
  const value = json instanceof NumberText ? unscaled(json, 0) : undefined
  return value === undefined ? undefined : Number(value)
}

/** The value times 10^scale where that is an integer. Numbers and, for exact types, their text. */
function unscaled(json: Json, scale: number): bigint | undefined {
  const text = json instanceof NumberText ? json.text : typeof json === 'string' ? json : ''
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = BigInt(sign + whole + fraction)
  const power = Number(exponent) - fraction.length + scale
  if (power >= 0) return digits * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return digits % divisor === 0n ? digits / divisor : undefined
}

function inBits(value: bigint | undefined, bits: number): Value | undefined {
  return value === undefined || BigInt.asIntN(bits, value) !== value ? undefined : narrow(value)
}

/** A number while it is a safe integer, a bigint beyond. */
export function narrow(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value
}

const ISO = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

function readIso(text: string): number | undefined {
  const [, date = '', time = '', fraction = '', zone = ''] = ISO.exec(text) ?? []
  const whole = Date.parse(`${date}T${time.padEnd(8, ':00')}${zone}`)
  const isCalendarDate = readDate(date) !== undefined
  return Number.isNaN(whole) || !isCalendarDate
    ? undefined
    : whole + +fraction.padEnd(3, '0').slice(0, 3)
}

function readDate(json: Json): number | undefined {
  if (typeof json !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(json)) return undefined
  const timeMs = Date.parse(`${json}T00:00:00Z`)
  const isCalendarDate = !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(json)
  return isCalendarDate ? timeMs / 86_400_000 : undefined
}

const PATTERN_PARTS = /yyyy|MM|dd|HH|mm|ss|SSS|[^yMdHms]|S/g

function readPattern(
  text: string,
  { pattern, zone }: Extract<TimeFormat, { kind: 'pattern' }>,
): number | undefined {
  const parts = new Map<string, number>()
  let rest = text
  for (const [part] of pattern.matchAll(PATTERN_PARTS)) {
    const taken = rest.slice(0, part.length)
    rest = rest.slice(part.length)
    const isField = /^(yyyy|MM|dd|HH|mm|ss|SSS)$/.test(part)
    if (isField ? !/^\d+$/.test(taken) || taken.length < part.length : taken !== part)
      return undefined
    if (isField) parts.set(part, Number(taken))
  }
  const at = (part: string, missing: number): number => parts.get(part) ?? missing
  const shown = [at('HH', 0), at('mm', 0), at('ss', 0)]
  const [month, date] = [at('MM', 1), at('dd', 1)]
  const localMs = Date.UTC(at('yyyy', 1970), month - 1, date, ...shown, at('SSS', 0))
  const back = new Date(localMs)
  const isReal = back.getUTCMonth() === month - 1 && back.getUTCDate() === date
  const inDay = shown.every((value, index) => value < (index === 0 ? 24 : 60))
  return rest === '' && isReal && inDay ? instantOf(zone, localMs) : undefined
}
