/**
 * The law: the content of every sink is a function of the log. Random logs run through the engine, and every sink is
 * compared with the oracle, which recomputes all of it the slow way.
 */
import { describe, expect } from 'vitest'
import type { Value } from '../../src/core/value.ts'
import { sinkDifferences, type ActualSinks } from '../support/compare-sinks.ts'
import { recompute, type OracleResult } from '../support/oracle.ts'
import { perfectSinks } from '../support/perfect-sinks.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import { resolveText } from '../support/resolve-text.ts'
import { fc, test } from '../support/properties.ts'

const RUNS = { numRuns: 40 }

function recomputed(scenario: Scenario): OracleResult {
  return recompute(resolveText(pipelineText(scenario), '/random'), scenario.partitions)
}

describe('the scenarios', () => {
  test('hold every outcome of a record, every fate in a view, rows of all kinds', () => {
    const results = fc.sample(scenarios(), { numRuns: 40, seed: 20_240_305 }).map(recomputed)
    const outcomes = results.flatMap(({ partitions }) =>
      partitions.flatMap(({ judged }) => judged.map(({ outcome }) => outcome)),
    )
    const fates = results.flatMap(({ views }) => views.flatMap((one) => [...one.fates.keys()]))
    const rows = results.flatMap(({ views }) => views.flatMap((one) => one.rows))
    expect([...new Set(outcomes)].sort()).toEqual([
      'accepted',
      'bad_timestamp',
      'duplicate',
      'future',
      'tombstone',
      'too_late',
      'undecodable',
    ])
    expect([...new Set(fates)].sort()).toEqual([
      'bad_field',
      'filtered',
      'folded',
      'missing_key',
      'no_entity',
    ])
    const allEmpty = rows.filter(({ maxEventTime }) => maxEventTime === null)
    expect(allEmpty.length).toBeGreaterThan(100)
    expect(outcomes.filter((outcome) => outcome === 'accepted').length).toBeGreaterThan(1000)
  })
})

describe('the oracle', () => {
  test.prop([scenarios()], RUNS)('a longer window never counts less, in any row', (scenario) => {
    for (const { view, rows, online } of recomputed(scenario).views) {
      for (const { values } of [...rows, ...online]) {
        const counts = view.windows.map((days) => values.get(`f0_${days}d`) as number)
        expect(counts).toEqual([...counts].sort((a, b) => a - b))
      }
    }
  })

  test.prop([scenarios(), fc.nat()], RUNS)(
    'what is made of a record does not depend on the records after it',
    (scenario, cut) => {
      const [part] = scenario.partitions
      if (part === undefined) return
      const length = cut % (part.records.length + 1)
      const shorter = {
        ...scenario,
        partitions: [{ ...part, records: part.records.slice(0, length) }],
      }
      const outcomes = (one: Scenario): string[] =>
        recomputed(one).partitions[0]?.judged.map(({ outcome }) => outcome) ?? []
      expect(outcomes(shorter)).toEqual(outcomes(scenario).slice(0, length))
    },
  )

  test.prop([scenarios()], RUNS)(
    "no view's definition can move another view's values",
    (scenario) => {
      const together = recomputed(scenario)
      const pipeline = resolveText(pipelineText(scenario), '/random')
      for (const [index, view] of pipeline.views.entries()) {
        const alone = recompute({ ...pipeline, views: [view] }, scenario.partitions)
        expect(alone.views[0]?.rows).toEqual(together.views[index]?.rows)
        expect(alone.views[0]?.online).toEqual(together.views[index]?.online)
      }
    },
  )
})

describe('the comparison', () => {
  test.prop([scenarios()], RUNS)('finds no difference where there is none', (scenario) => {
    const oracle = recomputed(scenario)
    expect(sinkDifferences(oracle, perfectSinks(oracle))).toEqual([])
  })

  test.prop([scenarios(), fc.nat()], RUNS)(
    'tells every single wrong value, lost or repeated row',
    (scenario, at) => {
      const oracle = recomputed(scenario)
      const found = damaged(perfectSinks(oracle), at).map(
        (sinks) => sinkDifferences(oracle, sinks).length,
      )
      expect(found.filter((count) => count === 0)).toEqual([])
    },
  )
})

/** Copies of the sinks with one thing wrong in each: what is at place `at`, as far as there is anything. */
function damaged(sinks: ActualSinks, at: number): ActualSinks[] {
  return [...sinks.rows.keys()].flatMap((name) => {
    const rows = sinks.rows.get(name) ?? []
    const tiles = sinks.tiles.get(name) ?? []
    const online = (sinks.online.get(name) ?? []).filter(({ fields }) => fields.size > 0)
    return [
      ...changes(rows, at, (row) => ({ ...row, values: spoilt(row.values, at) })).map((changed) => {
        return { ...sinks, rows: new Map([...sinks.rows, [name, changed]]) }
      }),
      ...changes(tiles, at, (tile) => ({ ...tile, offset: tile.offset - 1 })).map((changed) => {
        return { ...sinks, tiles: new Map([...sinks.tiles, [name, changed]]) }
      }),
      ...changes(online, at, (value) => ({
        ...value,
        fields: new Map([...value.fields].slice(1)),
      })).map((changed) => ({ ...sinks, online: new Map([...sinks.online, [name, changed]]) })),
      ...changes(sinks.rejects, at, (reject) => ({ ...reject, reason: 'other' })).map((rejects) => {
        return { ...sinks, rejects }
      }),
    ]
  })
}

/** One item left out, one there twice, one changed. */
function changes<Item>(items: readonly Item[], at: number, change: (item: Item) => Item): Item[][] {
  const item = items[at % items.length]
  if (item === undefined) return []
  const rest = items.filter((other) => other !== item)
  return [rest, [...items, item], [...rest, change(item)]]
}

function spoilt(values: ReadonlyMap<string, Value>, at: number): Map<string, Value> {
  const names = [...values.keys()]
  const name = names[at % names.length] ?? ''
  return new Map([...values, [name, values.get(name) === null ? 0 : null]])
}
