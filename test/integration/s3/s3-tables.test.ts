/** Tables in a bucket: written by processes that are killed and that race, read by our commands and by other programs. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { createRandom } from '../../../bench/random.ts'
import { s3Obstacle } from '../../../servers/s3.ts'
import { locationIn, newBucket } from '../../support/bucket.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { SharedBucket } from '../../support/servers.ts'
import { finish, readIndependently, startWriter } from '../../support/table-processes.ts'
import { Engines } from '../engine/engines.ts'
import { KILLED_PIPELINE, KILLED_SOURCE } from '../engine/killed-pipeline.ts'
import { FileAppender, PacedWriter } from '../engine/paced-log.ts'
import { RealWorld } from '../engine/real-world.ts'
import { TableWatch } from '../engine/sink-watch.ts'
import { SEED } from '../../support/seed.ts'

const obstacle = await s3Obstacle()
const ROOT = join(import.meta.dirname, '../../..')
const PARTITIONS = 2
const PACE = { partitions: PARTITIONS, recordsPerRound: 3, roundMs: 40, stepMs: 0.65 * 3_600_000 }

function killedPipeline({ bucket, endpoint }: SharedBucket): string {
  const offline = { ...KILLED_PIPELINE.sinks.offline, delta: `s3://${bucket}/shop/features` }
  return JSON.stringify({
    ...KILLED_PIPELINE,
    source: { files: './log', ...KILLED_SOURCE },
    sinks: { offline, online: { leveldb: './online' } },
    checkpoints: { store: `s3://${bucket}/shop/kept`, every: '1s' },
    s3: { endpoint },
  })
}

/** Partitions that have one. */
function checkpointsOf({ directory }: SharedBucket): string[] {
  const kept = join(directory, 'shop/kept/killed')
  if (!existsSync(kept)) return []
  return readdirSync(kept).filter((partition) => {
    const manifests = join(kept, partition, 'checkpoints')
    return existsSync(manifests) && readdirSync(manifests).length > 0
  })
}

describe.skipIf(obstacle !== undefined)(`tables in S3 ${obstacle ?? ''}`, () => {
  test('a run that is killed and whose disk is lost ends as the oracle says, also for other readers', async () => {
    process.stdout.write(`kill -9 over S3: seed ${SEED}\n`)
    const bucket = await newBucket()
    await using world = await RealWorld.create(killedPipeline(bucket))
    await using appender = await FileAppender.open(world.logDirectory, PARTITIONS)
    const writer = new PacedWriter(appender, createRandom(SEED + 1), PACE)
    await using reader = await world.tables()
    const watch = new TableWatch(reader, 'activity_v1')
    const engines = new Engines(world, createRandom(SEED), { pairs: 0, extraMs: 0 })
    const stop = new AbortController()
    const beside = [writer.run(stop.signal), watch.run(stop.signal)]
    try {
      await engines.startFirst(() => watch.readings > 0)
      await engines.killOne()
      engines.start()
      await expect.poll(() => checkpointsOf(bucket), { timeout: 60_000 }).toHaveLength(PARTITIONS)
    } finally {
      await engines.killAll()
      stop.abort()
      await Promise.all(beside)
    }
    await world.loseStates([0, 1])
    const last = await engines.start('--until-end').ended
    expect(`${last.code} ${last.stderr}`).toMatch(/^0 .*restored checkpoint/s)
    expectSinksEqual(recompute(world.pipeline, writer.log), await world.sinks(PARTITIONS))

    const rows = await reader.read('activity_v1')
    const bought = rows.reduce((sum, row) => sum + Number(row['buys_7d']), 0)
    const table = join(bucket.directory, 'shop/features/activity_v1')
    const sql = 'select count(*) as n, sum(buys_7d) as bought from t'
    for (const report of await readIndependently(table, ['--keys', 'user,ds', '--sql', sql])) {
      expect(report.duplicates).toBe(0)
      expect(report.result.flat().map(Number)).toEqual([rows.length, bought])
    }
  })

  test('T14 processes that write the same slots in a bucket lose nothing', async () => {
    const bucket = await newBucket()
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-s3-writers-'))
    const shared = { partitions: [0, 1], days: [11_327, 11_328], slots: 2 }
    const place = locationIn(bucket)
    const writers = [0, 1].map((writer) => {
      const positions = Array.from({ length: 6 }, (_, i) => ((i * 5) % 6) * 2 + writer)
      return finish(startWriter({ ...shared, directory, bucket: place, positions }))
    })
    const finished = await Promise.all(writers)
    expect(finished.map(({ code, stderr }) => [code, stderr])).toEqual(finished.map(() => [0, '']))
    const table = join(bucket.directory, 'features/user_activity_v1')
    const log = readdirSync(join(table, '_delta_log')).filter((name) => name.endsWith('.json'))
    expect(log.sort()).toEqual(log.map((_, version) => `${String(version).padStart(20, '0')}.json`))
    const sql = 'select count(*) as n, min(clicks_1d) as lo, max(clicks_1d) as hi from t'
    for (const report of await readIndependently(table, ['--keys', 'user_id,ds', '--sql', sql])) {
      expect(report.duplicates).toBe(0)
      // Two partitions, two days, two slots, three users: all of the highest position.
      expect(report.result.flat().map(Number)).toEqual([24, 11, 11])
    }
    await rm(directory, { recursive: true })
  })

  test('every command on tables works on a bucket, and the doctor looks at it', async () => {
    const { bucket, endpoint } = await newBucket()
    using shop = new CliDirectory()
    await shop.run('init')
    const text = readFileSync(shop.path('pipeline.yaml'), 'utf8')
      .replace('delta: ./features', `delta: s3://${bucket}/shop`)
      .replace(/^# s3: .*$/m, `s3: { endpoint: "${endpoint}" }`)
    writeFileSync(shop.path('pipeline.yaml'), text)
    const json = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await shop.run(...args, '--json')
      expect({ args, code, stderr }).toEqual({
        args,
        code: 0,
        stderr: expect.any(String) as string,
      })
      return JSON.parse(stdout)
    }
    expect((await shop.run('doctor')).stdout).toContain(
      `ok    tables: s3://${bucket}/shop at ${endpoint} can be read and written, and keeps writers apart`,
    )
    expect(await json('run', '--until-end')).toMatchObject({ reason: 'end of log' })
    const [listed, shown] = await Promise.all([
      json('table', 'list'),
      shop.run('table', 'show', 'user_activity'),
    ])
    const { tables } = listed as {
      readonly tables: readonly { readonly rows: number; readonly completeDay: string }[]
    }
    const [first] = tables
    expect(first?.rows).toBeGreaterThan(0)
    expect(shown.stdout).toContain(`s3://${bucket}/shop/user_activity_v1, version`)
    const day = first?.completeDay ?? ''
    expect(await json('get', 'user_activity', 'user_id=u00', '--offline', day)).toMatchObject({
      found: true,
      day,
      row: { user_id: 'u00' },
    })
    // What docs/reading-tables.md shows, with this bucket in the address.
    const page = readFileSync(join(ROOT, 'docs/reading-tables.md'), 'utf8')
    const snippet = /```python s3\n(.*?)```/s.exec(page)?.[1] ?? ''
    const read = spawnSync(
      join(ROOT, '.cache/venv/bin/python'),
      ['-c', snippet.replace('s3://features/', `s3://${bucket}/`)],
      {
        encoding: 'utf8',
        env: { ...process.env, AWS_ENDPOINT_URL: endpoint, AWS_ALLOW_HTTP: 'true' },
      },
    )
    // Its threads sometimes end noisily, after the answer.
    expect(read.stdout, read.stderr).toBe(`${first?.rows}\n`)
    await json('table', 'compact')
    await json('table', 'vacuum')
    const [status, exported] = await Promise.all([
      json('status'),
      json('table', 'export', 'user_activity', '--to', 'plain'),
    ])
    expect(status).toMatchObject({ tables: [{ table: 'user_activity_v1', rows: first?.rows }] })
    const { written } = exported as { readonly written: readonly string[] }
    expect(readdirSync(shop.path('plain')).sort()).toEqual(written.map((each) => `ds=${each}`))
    expect(await json('table', 'export', 'user_activity', '--to', 'plain')).toMatchObject({
      written: [],
      kept: written,
    })
    // Local copies of files are gone when a command ends.
    expect(readdirSync(shop.path('state', 'tidemark-s3'))).toEqual([])
  })
})
