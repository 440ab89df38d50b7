/** What `validate --against` tells: per feature what became of it, and what the change asks for. */
import { expect, test } from 'vitest'
import { comparePipelines } from '../../src/definition/compare.ts'
import type { ViewComparison } from '../../src/definition/compare.ts'
import type { FeatureComparison } from '../../src/definition/compare-features.ts'
import { SHOP, changed, resolveText } from './definition-text.ts'

const OLD = resolveText(SHOP)

function compareWith(text: string): {
  view: ViewComparison
  comparison: ReturnType<typeof comparePipelines>
} {
  const comparison = comparePipelines(OLD, resolveText(text))
  const view = comparison.views[0]
  if (view === undefined) throw new Error('there is a view')
  return { view, comparison }
}

function kinds({ features }: ViewComparison): Record<string, FeatureComparison['kind']> {
  return Object.fromEntries(features.map(({ feature, kind }) => [feature, kind]))
}

const UNCHANGED = { clicks: 'unchanged', views: 'unchanged', spend: 'unchanged', ctr: 'unchanged' }

test('the same file asks for nothing', () => {
  const { view, comparison } = compareWith(SHOP)
  expect(view.kind).toBe('unchanged')
  expect(kinds(view)).toEqual(UNCHANGED)
  expect(comparison).toMatchObject({ changes: [], needsVersion: false, needsGeneration: false })
})

test('another meaning under the same name is semantic, also for what is derived from it', () => {
  const { view, comparison } = compareWith(
    changed(SHOP, '{ event_type: click }', '{ event_type: tap }'),
  )
  expect(kinds(view)).toEqual({ ...UNCHANGED, clicks: 'semantic', ctr: 'semantic' })
  expect(comparison).toMatchObject({ needsVersion: true, needsGeneration: true })
})

test('a semantic change with a new version stands beside the old one', () => {
  const text = changed(SHOP, '{ event_type: click }', '{ event_type: tap }')
  const { view, comparison } = compareWith(
    changed(text, '    entity:', '    version: 2\n    entity:'),
  )
  expect(view).toMatchObject({
    kind: 'new version',
    version: { old: 1, new: 2 },
    needsVersion: false,
  })
  expect(comparison.needsVersion).toBe(false)
})

test.each([
  ['a derived feature', '    ttl:', '      share: clicks_7d / views_30d\n    ttl:', 'share', true],
  ['a window among the old ones', 'windows: [7d, 30d]', 'windows: [1d, 7d, 30d]', 'spend', true],
  [
    'a feature over an aggregate that is there',
    '      views:',
    '      taps: { count: "*", where: { event_type: click } }\n      views:',
    'taps',
    true,
  ],
  [
    'a feature over another aggregate',
    '      views:',
    '      largest: { max: amount }\n      views:',
    'largest',
    false,
  ],
])(
  '%s that is added is additive, and it is told whether tiles answer it',
  (_what, from, to, name, answered) => {
    const { view, comparison } = compareWith(changed(SHOP, from, to))
    expect(view.features.find(({ feature }) => feature === name)).toMatchObject({
      kind: 'additive',
      answeredByTiles: answered,
    })
    expect(comparison).toMatchObject({ needsVersion: false, needsGeneration: true })
  },
)

test('a window beyond the longest old one is additive, and tiles do not reach back so far', () => {
  const text = changed(SHOP, '[1d, 7d, 30d]', '[1d, 7d, 30d, 35d]')
  const { view } = compareWith(text)
  expect(view.features[0]).toMatchObject({
    feature: 'clicks',
    kind: 'additive',
    columnsAdded: ['clicks_35d'],
    answeredByTiles: false,
  })
  expect(view.features[0]?.why).toContain('stored tiles reach back 30 days')
})

test('a feature under another name is renamed, and what is derived from it means the same', () => {
  const text = changed(
    changed(SHOP, '      views:', '      shown:'),
    'nullif(views',
    'nullif(shown',
  )
  const { view, comparison } = compareWith(text)
  expect(kinds(view)).toEqual({
    clicks: 'unchanged',
    shown: 'renamed',
    spend: 'unchanged',
    ctr: 'unchanged',
  })
  expect(view.features.find(({ feature }) => feature === 'shown')?.was).toBe('views')
  expect(comparison.needsVersion).toBe(false)
})

test('two features that swap names are both semantic', () => {
  let text = changed(SHOP, '      clicks:', '      views_:')
  text = changed(text, '      views:', '      clicks:')
  text = changed(text, '      views_:', '      views:')
  expect(kinds(compareWith(text).view)).toMatchObject({
    clicks: 'semantic',
    views: 'semantic',
    ctr: 'semantic',
  })
})

test('a feature or a window that goes is removed', () => {
  const { view } = compareWith(
    changed(SHOP, '      spend: { sum: amount, windows: [7d, 30d] }\n', ''),
  )
  expect(kinds(view)).toMatchObject({ spend: 'removed' })
  const [spend] = compareWith(
    changed(SHOP, 'windows: [7d, 30d]', 'windows: [30d]'),
  ).view.features.slice(2)
  expect(spend).toMatchObject({ kind: 'removed', columnsRemoved: ['spend_7d'] })
})

test.each([
  ['the zone', 'zone: UTC', 'zone: Europe/Berlin', 'time.zone', 'version'],
  [
    "the source's key",
    'user_id: string',
    'user_id: { path: uid, type: string }',
    'source.key',
    'version',
  ],
  ['the event time', 'field: event_ts', 'field: other_ts', 'source.event.time', 'version'],
  [
    'the lateness',
    'allowedLateness: 24h',
    'allowedLateness: 48h',
    'time.allowedLateness',
    'generation',
  ],
  ['the log', './events', './elsewhere', 'source', 'generation'],
  [
    'the slots',
    '{ delta: ./features }',
    '{ delta: ./features, slots: 8 }',
    'sinks.offline.slots',
    'generation',
  ],
  ['the idle time', 'zone: UTC,', 'zone: UTC, idleAfter: 1m,', 'time.idleAfter', 'nothing'],
])('%s of the pipeline is told with what its change asks for', (_what, from, to, what, demand) => {
  const { comparison } = compareWith(changed(SHOP, from, to))
  expect(comparison.changes).toContainEqual(expect.objectContaining({ what, demand }))
  expect(comparison.needsVersion).toBe(demand === 'version')
  expect(comparison.needsGeneration).toBe(demand !== 'nothing')
})

test.each([
  ['entity', 'entity: user_id', 'entity: [user_id, item_id]', 'version'],
  ['where', '[click, view]', '[click]', 'version'],
  ['online', '    ttl: 40d', '    ttl: 40d\n    online: closed', 'generation'],
])("a view's %s is told with what its change asks for", (what, from, to, demand) => {
  const { view } = compareWith(changed(SHOP, from, to))
  expect(view.changes).toEqual([expect.objectContaining({ what: `views.users.${what}`, demand })])
  expect(view.needsVersion).toBe(demand === 'version')
})

test('a table that is added is no change of what the views mean', () => {
  const without = resolveText(changed(SHOP, '  offline: { delta: ./features }\n', ''))
  expect(comparePipelines(without, OLD)).toMatchObject({ changes: [], needsGeneration: false })
})

test('views that come and go are told', () => {
  const { comparison } = compareWith(changed(SHOP, '  users:', '  people:'))
  expect(comparison.views.map(({ view, kind }) => [view, kind])).toEqual([
    ['people', 'added'],
    ['users', 'removed'],
  ])
})
