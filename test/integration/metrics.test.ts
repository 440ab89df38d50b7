/** What is shipped for Prometheus, tried with the real one: the page, the alerts, and a scrape of a run. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PartitionMeters } from '../../src/engine/meters.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { systemClock } from '../../src/cli/system-clock.ts'
import { promtool, startPrometheus } from '../../servers/prometheus.ts'
import type { PrometheusServer, QueryResult } from '../../servers/prometheus.ts'
import { COUNT, pipelineOf, viewOf } from '../support/builders.ts'
import { CliDirectory } from '../support/cli-process.ts'
import type { Started } from '../support/cli-process.ts'
import { partitionOf, progressOf } from '../support/run-progress.ts'
import { ServerDirectory } from '../support/servers.ts'

const DEPLOYED = path.join(import.meta.dirname, '..', '..', 'deploy', 'prometheus')

/** What promtool says of a page; empty where it has nothing to say. */
function lint(page: string): string {
  const { stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  })
  if (error) throw error
  return stdout + stderr
}

describe('what is shipped', () => {
  test('every alert fires for its cause and stays quiet for what only looks like it', async () => {
    expect(await promtool('test', 'rules', path.join(DEPLOYED, 'alerts.test.yml'))).toMatch(
      /SUCCESS/,
    )
  })

  test('the configuration and the rules that it names are valid', async () => {
    expect(await promtool('check', 'config', path.join(DEPLOYED, 'prometheus.yml'))).toMatch(
      /SUCCESS: 1 rule files found/,
    )
  })

  test('promtool has nothing to say against any metric, also before the run has begun', async () => {
    const parts = {
      pipeline: pipelineOf({ views: [viewOf([1], [COUNT])] }),
      topic: 'clicks',
      version: '1.0.0',
      clock: systemClock,
      extras: {
        stateBytes: () => Promise.resolve(new Map([[0, 4_096]])),
        tableBytes: () => Promise.resolve(new Map([['activity_v1', 10_000]])),
        evictedKeys: () => Promise.resolve(0),
      },
    }
    const meters = new PartitionMeters([60])
    meters.disorder.observe(3)
    const progress = progressOf([partitionOf(0, { meters }), partitionOf(1)])
    const [before, full] = [undefined, progress].map((now) =>
      createMetrics({ ...parts, progress: () => now }),
    )
    expect(lint((await before?.text()) ?? '')).toBe('')
    await full?.text()
    expect(lint((await full?.text()) ?? '')).toBe('')
  })
})

const PIPELINE = `
name: shop
source:
  files: ./events
  format: json
  key: user_id
  fields: { user_id: string }
  event: { time: { field: at, format: ms } }
views:
  activity: { entity: user_id, windows: [1d, 7d], features: { n: { count: '*' } } }
sinks: { online: { leveldb: ./online }, offline: { delta: ./features } }
http: { listen: "127.0.0.1:0", readyLag: 1000 }
`

describe('a run', () => {
  const shop = new CliDirectory()
  const place = new ServerDirectory()
  let run: Started | undefined
  let url = ''
  let prometheus: PrometheusServer | undefined

  beforeAll(async () => {
    mkdirSync(shop.path('events'))
    writeFileSync(shop.path('pipeline.yaml'), PIPELINE)
    const now = Date.now()
    const lines = Array.from({ length: 500 }, (_, i) =>
      JSON.stringify({ user_id: `u${i % 9}`, at: i === 250 ? 'never' : now - 3_600_000 + i }),
    )
    writeFileSync(shop.path('events', '0.jsonl'), `${lines.join('\n')}\n`)
    writeFileSync(shop.path('events', '1.jsonl'), `${lines.slice(0, 100).join('\n')}\n`)
    run = shop.start(['run'])
    const said = await run.says('at the end of the log')
    url = /metrics and health at (http:[^"\s]+)/.exec(said)?.[1] ?? ''
    prometheus = await startPrometheus({
      directory: place.path,
      configuration: DEPLOYED,
      targets: [new URL(url).host],
    })
  })

  afterAll(async () => {
    await prometheus?.stop()
    run?.child.kill('SIGTERM')
    const ended = await run?.ended
    shop[Symbol.dispose]()
    place[Symbol.dispose]()
    expect(ended?.code).toBe(0)
  })

  /** Targets are asked some seconds after the start, then every quarter of a minute. */
  async function answered(expression: string): Promise<readonly QueryResult[]> {
    for (;;) {
      const results = await prometheus?.query(expression)
      if (results !== undefined && results.length > 0) return results
      await setTimeout(200)
    }
  }

  test('its page passes promtool', async () => {
    const answer = await fetch(`${url}/metrics`)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(lint(await answer.text())).toBe('')
  })

  test('it is healthy and ready at the end of its log', async () => {
    const health = await Promise.all(
      ['healthz', 'readyz'].map(async (page) => {
        const answer = await fetch(`${url}/${page}`)
        return [answer.status, await answer.json()]
      }),
    )
    const well = [200, { ok: true, reasons: [] }]
    expect(health).toEqual([well, well])
  })

  test('Prometheus scrapes it, and what it did is there by partition', async () => {
    expect((await answered('up{job="tidemark"} == 1'))[0]?.value).toBe(1)
    const accepted = await answered('tidemark_records_total{outcome="accepted"}')
    expect(accepted.map(({ metric, value }) => [metric['partition'], value])).toEqual([
      ['0', 499],
      ['1', 100],
    ])
    const sums = await answered('sum by (pipeline) (tidemark_rejects_total)')
    expect(sums).toEqual([{ metric: { pipeline: 'shop' }, value: 1 }])
    expect((await answered('sum(tidemark_lag_offsets)'))[0]?.value).toBe(0)
    expect((await answered('sum(tidemark_disorder_seconds_count)'))[0]?.value).toBeGreaterThan(500)
    expect(
      (await answered('count(tidemark_online_as_of_day_end_timestamp_seconds)'))[0]?.value,
    ).toBe(2)
  })

  test('the shipped rules are loaded, and none fires for a run that is well', async () => {
    const answer = await fetch(`${prometheus?.url ?? ''}/api/v1/rules?type=alert`)
    const { data } = (await answer.json()) as {
      readonly data: { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
    }
    const rules = data.groups.flatMap((group) => group.rules)
    expect(rules.map(({ name }) => name)).toEqual([
      'TidemarkDown',
      'TidemarkLagGrowing',
      'TidemarkWatermarkStuck',
      'TidemarkRejectsNearLimit',
      'TidemarkOnlineBacklog',
      'TidemarkFreshness',
      'TidemarkCheckpointsFailing',
      'TidemarkGateFailed',
      'TidemarkPublicationUnfinished',
      'TidemarkPublicationDaysLeft',
    ])
    // Before the first scrape nothing was up: that is pending for a moment.
    expect(rules.filter(({ state }) => state === 'firing')).toEqual([])
  })

  test('a second run at the same address is refused in words, and ends with 1', async () => {
    using other = new CliDirectory()
    mkdirSync(other.path('events'))
    writeFileSync(other.path('events', '0.jsonl'), '')
    writeFileSync(other.path('pipeline.yaml'), PIPELINE.replace('127.0.0.1:0', new URL(url).host))
    const { code, stderr } = await other.run('run', '--until-end')
    expect(code).toBe(1)
    expect(stderr).toMatch(/is taken by another process.*HTTP_LISTEN_FAILED/)
  })
})

interface Rule {
  readonly name: string
  readonly state: string
}
