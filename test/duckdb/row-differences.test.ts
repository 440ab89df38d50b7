/** The SQL of a comparison on files that no writer of ours makes, and on more rows than a sample holds. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ColumnSpec } from '../../src/core/columns.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import type { DayFiles } from '../../src/duckdb/day-files.ts'
import { profileDays } from '../../src/duckdb/day-profiles.ts'
import {
  countDifferences,
  sampleDifferences,
  writeDifferences,
} from '../../src/duckdb/row-differences.ts'
import { SampledValues } from '../../src/duckdb/sampled-values.ts'
import { comparedColumns } from '../../src/replay/comparison.ts'

const COLUMNS: readonly ColumnSpec[] = [
  { name: 'user', type: { kind: 'int64' } },
  { name: 'score', type: { kind: 'double' } },
]
const COMPARED = comparedColumns(COLUMNS, COLUMNS, ['user'])

let directory: string
let database: DuckDb

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'tidemark-differences-'))
  database = await DuckDb.open({
    memoryMb: 256,
    threads: 2,
    concurrentMax: 1,
    temporaryDirectory: path.join(directory, 'tmp'),
  })
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

let files = 0

/** A file of day 7 with what the query says. */
async function fileOf(query: string): Promise<DayFiles> {
  const file = path.join(directory, `[${files++}].parquet`)
  await database.run(`COPY (${query}) TO '${file}' (FORMAT parquet)`)
  return { day: 7, partition: 0, paths: [file] }
}

async function differences(live: DayFiles, staged: DayFiles): Promise<string> {
  const target = path.join(directory, `${files++}.rows`)
  await writeDifferences(database, COMPARED, { live: [live], staged: [staged] }, target)
  return target
}

test('doubles are compared bit for bit, and NaN is itself', async () => {
  const scores = (values: readonly string[]): string =>
    values
      .map((value, user) => `SELECT ${user}::BIGINT AS user, ${value}::DOUBLE AS score`)
      .join(' UNION ALL ')
  const live = await fileOf(
    scores([`'nan'`, `'nan'`, '0.0', '-0.0', `'inf'`, `'inf'`, 'NULL', '0.0']),
  )
  const staged = await fileOf(
    scores([`'nan'`, '1.0', '-0.0', '-0.0', `'inf'`, `'-inf'`, `'nan'`, '5e-324']),
  )
  const found = await sampleDifferences(database, COMPARED, [await differences(live, staged)], {
    rowsMax: 9,
  })
  expect(found.map(({ entity, columns }) => [entity[0], columns['score']])).toEqual([
    [1, { before: NaN, after: 1 }],
    [2, { before: 0, after: -0 }],
    [5, { before: Infinity, after: -Infinity }],
    [6, { before: null, after: NaN }],
    [7, { before: 0, after: 5e-324 }],
  ])
})

test('files without a column have null there', async () => {
  const live = await fileOf('SELECT 1::BIGINT AS user')
  const staged = await fileOf('SELECT 1::BIGINT AS user, 2::DOUBLE AS score')
  const [total] = await countDifferences(database, COMPARED, [await differences(live, staged)])
  expect(total).toMatchObject({ changed: 1, columns: { score: { filled: 1 } } })
})

test('of more rows than a sample holds, counts and bounds are exact and medians are near', async () => {
  const rows = 400_000
  const live = await fileOf(`SELECT range AS user, range::DOUBLE AS score FROM range(${rows})`)
  // By 0, 1, 2 ... 999.
  const staged = await fileOf(
    `SELECT range AS user, (range + range % 1000)::DOUBLE AS score FROM range(${rows})`,
  )
  const file = await differences(live, staged)
  const [total] = await countDifferences(database, COMPARED, [file])
  const score = total?.columns['score']
  expect(total).toMatchObject({ added: 0, removed: 0, changed: rows - rows / 1000 })
  expect(score?.largest).toMatchObject({ by: 999 })
  expect(Math.abs((score?.typical ?? 0) - 500)).toBeLessThan(20)
  expect(await countDifferences(database, COMPARED, [file])).toMatchObject([
    { columns: { score: { typical: score?.typical } } },
    { day: 7 },
  ])
  const [profile] = await profileDays(database, [staged], COLUMNS)
  expect(profile).toMatchObject({
    rows,
    columns: { score: { nulls: 0, min: 0, max: rows - 1 + 999, mean: (rows - 1) / 2 + 499.5 } },
  })
}, 120_000)

test('quantiles of a sample are those of the same entities on both sides', async () => {
  const rows = 3_000_000
  const file = await fileOf(`SELECT range AS user, range::DOUBLE AS score FROM range(${rows})`)
  await using values = await SampledValues.create(database, {
    entity: COMPARED.entity,
    columns: COMPARED.common,
    rows,
  })
  await values.add('before', [file])
  await values.add('after', [file])
  const quantiles = await values.quantiles()
  const before = quantiles('before')['score'] ?? []
  expect(quantiles('after', 7)['score']).toEqual(before)
  const shares = before.map((value) => Number(value) / rows)
  ;[0.05, 0.25, 0.5, 0.75, 0.95, 0.99].forEach((share, i) => {
    expect(Math.abs((shares[i] ?? 0) - share)).toBeLessThan(0.005)
  })
}, 120_000)
