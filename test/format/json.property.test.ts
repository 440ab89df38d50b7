import { expect, test } from 'vitest'
import type { FieldType } from '../../src/core/value.ts'
import { createJsonDecoder } from '../../src/format/json.ts'
import { batchOf, pipelineOf, readJsonField, TIME } from './pipeline.ts'
import { fc } from '../support/properties.ts'

const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

function digits(max: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...DIGITS), maxLength: max })
}

/** Numbers as JSON allows them, with many digits, trailing zeros and exponents. */
const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(
      fc.constant('0'),
      fc.tuple(fc.constantFrom(...DIGITS.slice(1)), digits(20)).map((parts) => parts.join('')),
    ),
    fraction: fc.oneof(
      fc.constant(''),
      fc.constant('.0'),
      digits(20).map((text) => `.${text}0`),
    ),
    exponent: fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      fc.integer({ min: -25, max: 25 }).map((power) => `e${power}`),
      fc.constantFrom('E+2', 'e-400', 'e400'),
    ),
  })
  .map(({ sign, whole, fraction, exponent }) => sign + whole + fraction + exponent)

/** Text -> the integer text × 10^scale, by shifting the point in a string of digits; undefined where it is none. */
function shifted(text: string, scale: number): bigint | undefined {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const point = whole.length + Number(power) + scale
  const all = whole + fraction
  const padded = '0'.repeat(Math.max(0, -point)) + all + '0'.repeat(Math.max(0, point - all.length))
  const cut = Math.max(0, point)
  if (/[1-9]/.test(padded.slice(cut))) return undefined
  const magnitude = BigInt(padded.slice(0, cut) || '0')
  return text.startsWith('-') ? -magnitude : magnitude
}

const TYPES: readonly (readonly [FieldType, number, bigint, bigint])[] = [
  [{ kind: 'int64' }, 0, -(2n ** 63n), 2n ** 63n - 1n],
  [{ kind: 'int32' }, 0, -(2n ** 31n), 2n ** 31n - 1n],
  [{ kind: 'decimal', precision: 18, scale: 2 }, 2, -(10n ** 18n) + 1n, 10n ** 18n - 1n],
  [{ kind: 'decimal', precision: 9, scale: 6 }, 6, -(10n ** 9n) + 1n, 10n ** 9n - 1n],
]

test.each(TYPES)('T28 any number as %j survives exactly or is refused', (type, scale, min, max) => {
  const decoder = createJsonDecoder(pipelineOf({ fields: { f: type } }))
  fc.assert(
    fc.property(numberText, (text) => {
      const integer = shifted(text, scale)
      const fits = integer !== undefined && integer >= min && integer <= max
      const value = readJsonField(decoder, text)
      expect(value === undefined ? undefined : BigInt(value as number | bigint)).toBe(
        fits ? integer : undefined,
      )
      if (typeof value === 'number') expect(Object.is(value, -0)).toBe(false)
    }),
    { numRuns: 3000 },
  )
})

test('T28 a 64-bit integer comes back digit for digit, as a number and as a string', () => {
  const decoder = createJsonDecoder(pipelineOf({ fields: { f: { kind: 'int64' } } }))
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
      expect(String(readJsonField(decoder, String(integer)))).toBe(String(integer))
      expect(String(readJsonField(decoder, `"${integer}"`))).toBe(String(integer))
    }),
    { numRuns: 1000 },
  )
})

test('no bytes whatever make the decoder throw', () => {
  const decoder = createJsonDecoder(
    pipelineOf({ fields: { f: { kind: 'int64' }, g: { kind: 'string' } }, id: 'id' }),
  )
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.uint8Array({ maxLength: 3 }))
    .map(([json, at, bytes]) => {
      const text = Buffer.from(`{"ts":${TIME},"id":1e400,"f":${json},"g":${json}}`)
      const cut = at % text.length
      return Buffer.concat([text.subarray(0, cut), bytes, text.subarray(cut + (at % 3))])
    })
  fc.assert(
    fc.property(
      fc.array(fc.oneof(broken, fc.uint8Array({ maxLength: 40 })), { maxLength: 5 }),
      (values) => {
        const batch = decoder.decode(batchOf(values.map((value) => ({ value }))))
        expect(batch.outcomes.length).toBe(values.length)
        for (const at of batch.problems.keys()) expect(batch.outcomes[at]).toBeGreaterThan(1)
      },
    ),
    { numRuns: 1000 },
  )
})
