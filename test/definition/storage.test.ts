/** Places of files in the pipeline file: directories and buckets, and the checkpoints that are kept in them. */
import { describe, expect, test } from 'vitest'
import { describePipeline } from '../../src/definition/describe.ts'
import { locationText } from '../../src/storage/location.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const DELTA = '{ delta: ./features }'

function withDelta(place: string, more = ''): string {
  return `${changed(SHOP, DELTA, `{ delta: ${place} }`)}${more}`
}

describe('sinks.offline.delta', () => {
  test.each([
    ['./features', { kind: 'directory', directory: '/shop/features' }],
    ['s3://features', { kind: 's3', bucket: 'features', prefix: '', pathStyle: false }],
    ['s3://features/', { kind: 's3', bucket: 'features', prefix: '', pathStyle: false }],
    ['"s3://a.b-c/x/y=1/"', { kind: 's3', bucket: 'a.b-c', prefix: 'x/y=1', pathStyle: false }],
  ])('%s is a place', (place, expected) => {
    expect(resolveText(withDelta(place)).sinks.offline?.location).toEqual(expected)
  })

  test.each(['gs://features', 's3a://features', 's3://', 's3://A/b', 's3://ab', 's3://abc/../x'])(
    '%s is refused with the form of an address',
    (place) => {
      const text = withDelta(place)
      expect(problemsOf(text)).toEqual([
        `30:21 sinks.offline.delta: expected a directory or \`s3://BUCKET/PREFIX\`, found "${place}"`,
      ])
    },
  )

  test('places that are named in messages look as in the file', () => {
    for (const place of ['s3://features', 's3://features/x/y', '/data/features']) {
      const location = resolveText(withDelta(place)).sinks.offline?.location
      expect(location && locationText(location)).toBe(place)
    }
  })
})

describe('s3', () => {
  const delta = (more: string): string => withDelta('s3://features/x', more)

  test('a server is named by its path style unless the file says otherwise', () => {
    expect(
      resolveText(delta('s3: { endpoint: "http://minio:9000" }')).sinks.offline?.location,
    ).toMatchObject({ endpoint: 'http://minio:9000', pathStyle: true })
    const more = 's3: { endpoint: "https://h", region: eu-1, pathStyle: false }'
    expect(resolveText(delta(more)).sinks.offline?.location).toMatchObject({
      endpoint: 'https://h',
      region: 'eu-1',
      pathStyle: false,
    })
  })

  test.each([
    ['s3: { endpoint: "minio:9000" }', 's3.endpoint: expected the URL of a server'],
    ['s3: { endpoint: "http://u:hidden@h" }', 's3.endpoint: expected a URL without user and'],
    ['s3: { endpont: "http://h" }', 's3.endpont: unknown key `endpont`; did you mean `endpoint`?'],
    ['s3: { region: "Frankfurt am Main" }', 's3.region: expected the name of a region'],
    ['s3: { pathStyle: 1 }', 's3.pathStyle: expected `true` or `false`, found 1'],
  ])('%s is refused', (more, message) => {
    const problems = problemsOf(delta(more))
    expect(problems).toEqual([expect.stringContaining(message)])
    expect(problems.join()).not.toContain('hidden')
  })
})

describe('checkpoints', () => {
  test('are kept every ten minutes, three of them and those of a day', () => {
    expect(resolveText(SHOP).checkpoints).toBeUndefined()
    expect(resolveText(`${SHOP}checkpoints: { store: /mnt/kept }`).checkpoints).toEqual({
      location: { kind: 'directory', directory: '/mnt/kept' },
      everyMs: 600_000,
      keep: 3,
      keepForMs: 86_400_000,
    })
  })

  test('share the server of the tables', () => {
    const more =
      'checkpoints: { store: s3://kept/x, every: 30s, keep: 1, keepFor: 0s }\ns3: { endpoint: "http://h:1" }'
    const pipeline = resolveText(withDelta('s3://features/x', more))
    expect(pipeline.checkpoints).toEqual({
      location: {
        kind: 's3',
        bucket: 'kept',
        prefix: 'x',
        endpoint: 'http://h:1',
        pathStyle: true,
      },
      everyMs: 30_000,
      keep: 1,
      keepForMs: 0,
    })
    expect(describePipeline(pipeline)).toMatchObject({
      sinks: { offline: { delta: 's3://features/x' } },
      checkpoints: { store: 's3://kept/x', every: '30s', keep: 1, keepFor: '0ms' },
      s3: { endpoint: 'http://h:1', pathStyle: true },
    })
  })

  test.each([
    ['checkpoints: {}', 'checkpoints.store: missing; expected a directory or `s3://'],
    ['checkpoints: { store: x, evry: 1m }', 'unknown key `evry`; did you mean `every`?'],
    ['checkpoints: { store: x, every: 10ms }', 'checkpoints.every: expected at least `1s`'],
    ['checkpoints: { store: x, keep: 0 }', 'checkpoints.keep: expected a whole number from 1'],
    ['checkpoints: { store: ftp://x }', 'checkpoints.store: expected a directory or `s3://'],
    [
      'checkpoints: { store: ./state/ }',
      'expected a directory of its own; "./state/" is that of `state`',
    ],
    ['checkpoints: { store: ./features }', 'that of `sinks.offline.delta` too'],
  ])('%s is refused', (more, message) => {
    expect(problemsOf(`${SHOP}${more}`)).toEqual([expect.stringContaining(message)])
  })

  test('are not where the tables are, in a bucket either', () => {
    const more = 'checkpoints: { store: s3://features/x/ }'
    expect(problemsOf(withDelta('s3://features/x', more))).toEqual([
      expect.stringContaining('expected a place of its own; "s3://features/x/" is that of'),
    ])
  })
})

test('where tables and checkpoints are changes no view', () => {
  const more = 'checkpoints: { store: s3://kept }\ns3: { endpoint: "http://h" }'
  const hashes = (text: string): string[] => resolveText(text).views.map(({ hash }) => hash)
  expect(hashes(withDelta('s3://features', more))).toEqual(hashes(SHOP))
})
