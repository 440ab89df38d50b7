/** The plain layout as text, without a server: names, patterns, what is read back. */
import { expect, test } from 'vitest'
import type { OnlineValue } from '../../src/engine/ports.ts'
import { Layout, escapePattern, parseMarker, parseValue, pushHash } from '../../src/redis/layout.ts'
import { onlineValue } from '../conformance/online-store.ts'
import { fc } from '../support/properties.ts'

test('keys of values and markers are those of the page', () => {
  const layout = new Layout('acme:', 'shop')
  expect(layout.root).toBe('acme:shop:')
  expect(layout.valueKey('user_activity:v1', 'a%7Cb|7')).toBe('acme:shop:user_activity:v1:a%7Cb|7')
  expect(layout.markerKey(12, undefined)).toBe('acme:shop:_marker:12')
  expect(layout.markerKey(12, '4f')).toBe('acme:shop:_marker:12:{4f}')
  expect(new Layout('', 'shop').valueKey('v:v1', '1')).toBe('shop:v:v1:1')
})

test('signs of patterns in a prefix stand for themselves', () => {
  expect(new Layout('a*[b]?\\', 'shop').viewPattern('v:v1')).toBe('a\\*\\[b\\]\\?\\\\shop:v:v1:*')
  expect(escapePattern('plain:text-1')).toBe('plain:text-1')
})

const values: fc.Arbitrary<OnlineValue> = fc
  .record({
    generation: fc.nat(),
    offset: fc.maxSafeInteger().map(Math.abs),
    day: fc.integer({ min: -700_000, max: 700_000 }),
    nextDay: fc.option(fc.integer({ min: -700_000, max: 700_000 }), { nil: undefined }),
    eventTime: fc.option(fc.maxSafeInteger(), { nil: undefined }),
    watermark: fc.oneof(fc.constant(-Infinity), fc.maxSafeInteger()),
    partition: fc.nat(),
    fields: fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z][a-z0-9_]*$/), fc.string()), {
      selector: ([name]) => name,
    }),
    isFinal: fc.boolean(),
  })
  .map(({ generation, offset, day, isFinal, ...rest }) =>
    onlineValue({
      ...rest,
      version: { generation, offset, day },
      state: isFinal ? 'final' : 'provisional',
    }),
  )

test('every value reads back from its hash', () => {
  fc.assert(
    fc.property(values, (value) => {
      const hash: string[] = []
      pushHash(hash, value)
      const { view, entity, ttlMs } = value
      expect(parseValue({ view, entity }, hash, ttlMs)).toEqual(value)
    }),
    { verbose: fc.VerbosityLevel.Verbose },
  )
})

test('a hash of another program is refused, with the way out', () => {
  expect(() => parseValue({ view: 'v:v1', entity: '1' }, ['a', '1'], 1)).toThrow(
    /sinks\.online\.prefix/,
  )
})

test('a marker reads back; none is none', () => {
  expect(parseMarker([null, null, null, null])).toBeUndefined()
  expect(parseMarker(['2', '10', '-3', null])).toEqual({
    generation: 2,
    position: 10,
    asOf: -3,
    scanId: undefined,
  })
})
