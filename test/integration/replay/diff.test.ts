/** `tidemark replay diff`: a mistake in the source that was put right, found in the rows that it reaches and in no others. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DuckDb } from '../../../src/duckdb/database.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Ended } from '../../support/cli-process.ts'

interface Diff {
  readonly equal: boolean
  readonly views: readonly {
    readonly rows: Readonly<Record<string, number>>
    readonly columnsChanged: Readonly<Record<string, number>>
    readonly columns: Readonly<
      Record<
        string,
        {
          readonly typical: number
          readonly largest: { readonly by: number; readonly entity: object }
        }
      >
    >
    readonly days: readonly { readonly day: string; readonly changed: number }[]
    readonly sample: readonly { readonly kind: string; readonly entity: object }[]
  }[]
}

const shop = new CliDirectory()

beforeAll(async () => {
  expect(await shop.run('init')).toMatchObject({ code: 0 })
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
})

afterAll(() => {
  shop[Symbol.dispose]()
})

function json(ended: Ended): unknown {
  return JSON.parse(ended.stdout)
}

/** Of all days, to the end of the log. */
async function plan(): Promise<string> {
  const range = ['--days', '2020-01-01..', '--start', 'origin', '--reason', 'test']
  const { id } = json(await shop.run('replay', 'plan', ...range, '--json')) as {
    readonly id: string
  }
  return id
}

/** The purchase of a user's first amount in the file, made another one of as many digits. */
function mend(): { readonly user: string; readonly by: number } {
  const file = shop.path('events', '0.jsonl')
  const text = readFileSync(file, 'utf8')
  const [line, user = '', amount = ''] =
    /"user_id":"(\w+)"[^\n]*?"amount":(\d+\.\d\d),/.exec(text) ?? []
  const mended = `9${amount.slice(1)}` === amount ? `8${amount.slice(1)}` : `9${amount.slice(1)}`
  writeFileSync(file, text.replace(line ?? '', (line ?? '').replace(amount, mended)))
  return { user, by: Math.abs(Number(mended) - Number(amount)) }
}

test('an unfinished replay, another view and an unknown id are wrong usage; the same log is equal', async () => {
  const id = await plan()
  const early = await shop.run('replay', 'diff', id)
  expect(early).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`tidemark replay run ${id}`) as string,
  })
  expect(await shop.run('replay', 'run', id)).toMatchObject({ code: 0 })
  expect(await shop.run('replay', 'diff', id, '--view', 'users')).toMatchObject({ code: 2 })
  const equal = await shop.run('replay', 'diff', id)
  expect(equal).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`replay ${id} is equal to what is live`) as string,
  })
})

test('what changed is found with its user and size, is the same in the file of differences, and is judged by limits', async () => {
  const { user, by } = mend()
  const id = await plan()
  expect(await shop.run('replay', 'run', id)).toMatchObject({ code: 0 })
  const before = await shop.run('table', 'list', '--json')
  const ended = await shop.run('replay', 'diff', id, '--json', '--to', 'differences.parquet')
  expect(ended.code).toBe(1)
  const { equal, views } = json(ended) as Diff
  const [view] = views
  expect(equal).toBe(false)
  expect(view?.rows).toMatchObject({ added: 0, removed: 0 })
  expect(view?.columns['spend_30d']?.largest).toMatchObject({ by, entity: { user_id: user } })
  expect(view?.columns['spend_30d']?.typical).toBe(by)
  const changed = view?.rows['changed'] ?? 0
  expect(changed).toBeGreaterThan(0)
  expect(view?.columnsChanged).toMatchObject({ spend_30d: changed })
  expect(
    Object.keys(view?.columnsChanged ?? {}).filter((name) =>
      /clicks|views|ctr|item|_def/.test(name),
    ),
  ).toEqual([])
  expect(view?.sample.every(({ entity }) => Reflect.get(entity, 'user_id') === user)).toBe(true)

  const database = await DuckDb.open({
    memoryMb: 128,
    threads: 1,
    concurrentMax: 1,
    temporaryDirectory: shop.path('tmp'),
  })
  await using _ = database
  const [counted] = await database.rows(
    `SELECT count(*) AS rows, min(entity) AS first, max(entity) AS last, max(abs(change)) AS change
       FROM read_parquet('${shop.path('differences.parquet')}') WHERE "column" = 'spend_30d'`,
  )
  expect(counted).toMatchObject({ rows: changed, first: user, last: user })
  expect(counted?.['change']).toBeCloseTo(by, 9)

  const text = await shop.run('replay', 'diff', id, '--sample', '1')
  expect(text).toMatchObject({ code: 1 })
  expect(text.stdout).toMatch(new RegExp(`changed \\d{4}-\\d\\d-\\d\\d user_id=${user}: spend_`))

  // A day beyond a limit of its view keeps the replay from being published.
  const file = shop.path('pipeline.yaml')
  const limits = 'validate: { ranges: { spend_30d: { max: 1 } }, nulls: { spend_30d: 0% } }'
  const pipeline = readFileSync(file, 'utf8')
  writeFileSync(file, pipeline.replace('    owner: growth', `    ${limits}\n    owner: growth`))
  const refused = await shop.run('replay', 'publish', id, '--reason', 'test', '--yes')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(
    /user_activity@1: ranges of spend_30d: expected at most 1\.00, found \d+\.\d\d on /,
  )
  expect(refused.stderr).not.toMatch(/nulls of spend_30d: .* beyond it/)
  expect(await shop.run('table', 'list', '--json')).toEqual(before)
})
