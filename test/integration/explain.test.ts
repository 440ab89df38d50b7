/** `tidemark explain watermark` beside states that real runs left, a poisoned one among them. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CliDirectory } from '../support/cli-process.ts'

const PIPELINE = `
name: shop
source:
  files: ./events
  format: json
  key: user_id
  fields: { user_id: string }
  event: { time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 24h }
views:
  activity: { entity: user_id, windows: [1d, 7d], features: { n: { count: '*' } } }
sinks: { offline: { delta: ./features } }
`

const MINUTE_MS = 60_000
const NOW_MS = Math.floor(Date.now() / 1_000) * 1_000

function lines(user: string, fromMs: number, count: number): string {
  const each = (i: number): string => JSON.stringify({ user_id: user, at: fromMs + i * 1_000 })
  return Array.from({ length: count }, (_, i) => `${each(i)}\n`).join('')
}

interface Explained {
  readonly lowest: { readonly partition: number } | null
  readonly partitions: readonly Record<string, unknown>[]
}

/** Two partitions with an hour of events each, one of them with an event of 2093 in the middle, and one without events. */
describe('explain watermark', () => {
  const shop = new CliDirectory()
  const honest = lines('u1', NOW_MS - 60 * MINUTE_MS, 100)
  const before = lines('w1', NOW_MS - 60 * MINUTE_MS, 50)
  let explained: Explained
  let words = ''

  async function explain(): Promise<Explained> {
    const { code, stdout, stderr } = await shop.run('explain', 'watermark', '--json')
    expect([code, stderr]).toEqual([0, ''])
    return JSON.parse(stdout) as Explained
  }

  beforeAll(async () => {
    mkdirSync(shop.path('events'))
    writeFileSync(shop.path('pipeline.yaml'), PIPELINE)
    writeFileSync(shop.path('events', '0.jsonl'), honest)
    const poison = `${JSON.stringify({ user_id: 'evil', at: Date.UTC(2093, 2, 1) })}\n`
    const after = lines('w2', NOW_MS - 50 * MINUTE_MS, 60)
    writeFileSync(shop.path('events', '1.jsonl'), before + poison + after)
    writeFileSync(shop.path('events', '2.jsonl'), 'no event\n')
    expect((await shop.run('explain', 'watermark')).stdout).toMatch(
      /partition 0: not started; `tidemark run` begins it/,
    )
    expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
    explained = await explain()
    words = (await shop.run('explain', 'watermark')).stdout
  })

  afterAll(() => {
    shop[Symbol.dispose]()
  })

  test('names the record that holds it, with its time and key', () => {
    const offset = honest.lastIndexOf('{')
    const eventTime = NOW_MS - 60 * MINUTE_MS + 99_000
    expect(explained.partitions[0]).toMatchObject({
      state: 'held',
      position: `events[0]@${offset}`,
      eventTime: new Date(eventTime).toISOString(),
      watermark: new Date(eventTime - 30 * MINUTE_MS).toISOString(),
      record: { timestamp: null, key: 'u1', missing: null },
      behindOffsets: honest.length - offset,
      lag: 0,
      idle: 'at the end',
      poison: null,
    })
    expect(words).toContain(`held by events[0]@${offset}`)
  })

  test('T3 a poisoned one is told with what it closed, what is refused, and what mends it', () => {
    expect(explained.partitions[1]).toMatchObject({
      position: `events[1]@${before.length}`,
      record: { key: 'evil' },
      closed: { last: '2093-02-27' },
      tooLate: 60,
      poison: {
        kind: 'ahead of the clock',
        closedEarly: { last: '2093-02-27' },
        finalDay: '2093-02-26',
        tooLateAfter: 60,
        eventsAfter: 60,
      },
    })
    expect(words).toMatch(/POISONED: its event time is .* ahead of the clock/)
    expect(words).toMatch(
      /refused as too_late: 60 of this partition so far, 60 of the 60 events after it/,
    )
    expect(words).toMatch(/`tidemark watermark reset --reason WHY` drops the record/)
  })

  test('a partition without an event holds the days of the pipeline back', () => {
    expect(explained).toMatchObject({
      lowest: null,
      partitions: [{}, {}, { partition: 2, state: 'no event yet' }],
    })
    expect(words).toContain('no day is over in every partition: events[2] has no event')
  })

  test('later: the furthest back is named, what is left to read is told, and a record that is gone', async () => {
    appendFileSync(shop.path('events', '2.jsonl'), lines('x', NOW_MS - 90 * MINUTE_MS, 1))
    expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
    // Blank lines are no records.
    const holder = honest.lastIndexOf('{')
    const gone = honest.slice(0, holder) + '\n'.repeat(honest.length - holder)
    writeFileSync(shop.path('events', '0.jsonl'), gone + lines('u9', NOW_MS, 5))
    const { lowest, partitions } = await explain()
    expect(lowest).toMatchObject({ partition: 2 })
    expect(partitions[0]).toMatchObject({
      idle: 'behind',
      position: `events[0]@${holder}`,
      record: { key: null, missing: 'the log no longer has the record' },
    })
  })
})
