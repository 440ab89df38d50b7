/** Columns added to a view: what a run sees after the change is what a rebuild under the same record sees. */
import { expect } from 'vitest'
import { World } from '../support/engine-run.ts'
import { pipelineText, scenarios } from '../support/random-log.ts'
import { resolveText } from '../support/resolve-text.ts'
import { fc, test } from '../support/properties.ts'

interface Document {
  readonly views: Record<
    string,
    { readonly windows: readonly string[]; readonly features: Record<string, object> }
  >
}

test.prop([scenarios(), fc.integer({ min: 1, max: 9 })], { numRuns: 20 })(
  'an added window needs no backfill, earlier rows keep null, and a rebuild reaches the same sinks',
  async (scenario, tenth) => {
    const text = pipelineText(scenario)
    const document = JSON.parse(text) as Document
    const [name = ''] = Object.keys(document.views)
    const view = document.views[name]
    if (view === undefined || view.windows.length < 2) return
    // Before: the first feature has only its shortest window. After: all windows of the view.
    const before = structuredClone(document)
    const feature = before.views[name]?.features['f0'] as { windows?: readonly string[] }
    feature.windows = [view.windows[0] ?? '1d']
    const definitions = [before, document].map((one) => {
      const pipeline = resolveText(
        JSON.stringify({ ...one, views: { [name]: one.views[name] } }),
        '/random',
      )
      return { ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }
    })
    const [old, now] = definitions as [(typeof definitions)[0], (typeof definitions)[0]]
    const firstPart = scenario.partitions.map((part) => ({
      ...part,
      records: part.records.slice(0, Math.floor((part.records.length * tenth) / 10)),
    }))
    const world = new World(old, firstPart)
    await world.run()
    world.change(now, scenario.partitions)
    expect(await world.run()).toBe(true)

    const rebuilt = new World(now, scenario.partitions, { generations: world.generations })
    expect(await rebuilt.run()).toBe(true)
    const sinks = await world.sinks()
    const expected = await rebuilt.sinks()
    const sorted = (rows: readonly unknown[] | undefined): string[] =>
      (rows ?? []).map((row) => JSON.stringify(row, plain)).sort()
    // All-empty values are left out: absent is the same, and the walk of a new generation gives them its own position.
    const present = (all: typeof sinks): unknown[] =>
      (all.online.get(name) ?? []).filter(({ eventTime }) => eventTime !== undefined)
    expect(sorted(present(sinks))).toEqual(sorted(present(expected)))
    expect(sorted(sinks.rows.get(name)?.map(withoutNulls))).toEqual(
      sorted(expected.rows.get(name)?.map(withoutNulls)),
    )
  },
)

/** A column that a file lacks reads as null. */
function withoutNulls(row: { readonly values: ReadonlyMap<string, unknown> }): object {
  return { ...row, values: new Map([...row.values].filter(([, value]) => value !== null)) }
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return [...value].sort()
  return typeof value === 'bigint' ? `${value}n` : value
}
