/** The command line as a user meets it: processes, directories, exit codes, what stands on which stream. */
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CliDirectory } from '../support/cli-process.ts'
import type { Ended, Started } from '../support/cli-process.ts'

function json(ended: Ended): unknown {
  return JSON.parse(ended.stdout)
}

describe('from init to export', () => {
  const shop = new CliDirectory()
  let user = ''

  beforeAll(async () => {
    expect(await shop.run('init')).toMatchObject({ code: 0, stderr: '' })
    expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
    const { views } = json(await shop.run('preview', '--values', '1', '--json')) as {
      readonly views: readonly {
        readonly values: readonly { readonly entity: { readonly user_id: string } }[]
      }[]
    }
    user = views[0]?.values[0]?.entity.user_id ?? ''
  })

  afterAll(() => {
    shop[Symbol.dispose]()
  })

  test('init writes a file that is valid, and never replaces one by accident', async () => {
    expect(await shop.run('validate')).toMatchObject({ code: 0, stderr: '' })
    const before = readFileSync(shop.path('pipeline.yaml'), 'utf8')
    const again = await shop.run('init')
    expect(again.code).toBe(2)
    expect(again.stderr).toMatch(/pipeline\.yaml.* exists already.*--force.*\[USAGE\]/s)
    expect(readFileSync(shop.path('pipeline.yaml'), 'utf8')).toBe(before)
  })

  test('validate prints the resolved definition and the hash of each view', async () => {
    const { stdout } = await shop.run('validate')
    expect(stdout).toMatch(/^name: shop$/m)
    expect(stdout).toMatch(/^user_activity@1\s+[0-9a-f]{64}$/m)
    const { pipeline, views } = json(await shop.run('validate', '--json')) as Record<string, object>
    expect(pipeline).toMatchObject({ name: 'shop', time: { zone: 'UTC' } })
    expect(views).toMatchObject([{ name: 'user_activity', version: 1 }])
  })

  test('preview shows values, rejects and the watermark, and leaves no trace', async () => {
    using other = new CliDirectory()
    await other.run('init')
    const preview = await other.run('preview', '-n', '500')
    expect(preview).toMatchObject({ code: 0 })
    expect(preview.stdout).toMatch(/500 records folded in memory; nothing was written/)
    expect(preview.stdout).toMatch(/WATERMARK/)
    expect(readdirSync(other.directory).sort()).toEqual(['events', 'pipeline.yaml'])
  })

  test('a second run has nothing to do, and says so for machines', async () => {
    const totals = json(await shop.run('run', '--until-end', '--json'))
    expect(totals).toMatchObject({ reason: 'end of log', records: 0, accepted: 0, rejects: {} })
  })

  test('status says where each partition stands and what its open day waits for', async () => {
    const { stdout, code } = await shop.run('status')
    expect(code).toBe(0)
    expect(stdout).toMatch(/events\[0\]@\d+\s+0 B/)
    expect(stdout).toMatch(
      /partition 0: day \d{4}-\d\d-\d\d closes when an event of .*Z or later arrives, or /,
    )
    expect(stdout).toMatch(
      /table user_activity_v1 \(user_activity@1\): complete to \d{4}-\d\d-\d\d/,
    )
    expect(stdout).toMatch(/dead letters: too_late \d/)
    expect(stdout).toMatch(/firewall: on/)
  })

  test('get gives the value with its envelope; the row of a day comes from the table', async () => {
    const online = json(await shop.run('get', 'user_activity', `user_id=${user}`, '--json')) as {
      readonly asOf: string
      readonly features: object
    }
    expect(online).toMatchObject({ found: true, state: 'provisional', entity: { user_id: user } })
    expect(Object.keys(online.features)).toContain('ctr_7d')
    const { tables } = json(await shop.run('table', 'list', '--json')) as {
      readonly tables: readonly { readonly name: string; readonly completeDay: string }[]
    }
    const day = tables[0]?.completeDay ?? ''
    const row = json(
      await shop.run('get', 'user_activity', `user_id=${user}`, '--offline', day, '--json'),
    )
    expect(row).toMatchObject({ found: true, day, row: { user_id: user } })
  })

  test('an entity that was never seen is told on stderr, with 1', async () => {
    const unknown = await shop.run('get', 'user_activity', 'user_id=nobody')
    expect(unknown).toMatchObject({ code: 1, stdout: '' })
    expect(unknown.stderr).toMatch(/user_id=nobody: no value/)
    const machine = await shop.run('get', 'user_activity', 'user_id=nobody', '--json')
    expect(machine.code).toBe(1)
    expect(json(machine)).toMatchObject({ found: false })
  })

  test('tables are compacted without a change of rows, exported and vacuumed', async () => {
    const rows = async (): Promise<unknown> => {
      const { tables } = json(await shop.run('table', 'list', '--json')) as {
        readonly tables: readonly { readonly rows: number }[]
      }
      return tables.map((table) => table.rows)
    }
    const before = await rows()
    expect(await shop.run('table', 'compact')).toMatchObject({ code: 0 })
    expect(await rows()).toEqual(before)
    const again = await shop.run('table', 'compact')
    expect(again.stdout).toBe(
      'user_activity_v1: nothing to do\nuser_activity_v1__tiles: nothing to do\n',
    )
    const exported = json(
      await shop.run('table', 'export', 'user_activity', '--to', 'plain', '--json'),
    ) as { readonly written: string[] }
    expect(readdirSync(shop.path('plain')).sort()).toEqual(
      exported.written.map((day) => `ds=${day}`),
    )
    const repeated = json(
      await shop.run('table', 'export', 'user_activity', '--to', 'plain', '--json'),
    )
    expect(repeated).toMatchObject({ written: [], kept: exported.written })
    expect(await shop.run('table', 'vacuum')).toMatchObject({ code: 0 })
    expect((await shop.run('table', 'show', 'user_activity')).stdout).toMatch(/clicks_7d\s+int64/)
  })

  test('doctor finds nothing wrong, and measures the disorder', async () => {
    const { findings } = json(await shop.run('doctor', '--json')) as {
      readonly findings: readonly {
        readonly check: string
        readonly verdict: string
        readonly suggests?: object
      }[]
    }
    expect(findings.filter(({ verdict }) => verdict === 'problem')).toEqual([])
    expect(findings.find(({ check }) => check === 'disorder')?.suggests).toMatchObject({
      key: 'time.outOfOrderness',
    })
  })

  test('late list shows the ledger', async () => {
    const { count, records } = json(await shop.run('late', 'list', '--json')) as {
      readonly count: number
      readonly records: unknown[]
    }
    expect(count).toBeGreaterThan(0)
    expect(records[0]).toMatchObject({
      position: expect.stringMatching(/^events\[\d\]@\d+$/) as string,
    })
  })

  test('a changed meaning without a new version is refused by validate and by run, with 2', async () => {
    const text = readFileSync(shop.path('pipeline.yaml'), 'utf8')
    writeFileSync(shop.path('changed.yaml'), text.replace('event_type: click', 'event_type: tap'))
    const compared = await shop.run('validate', '-f', 'changed.yaml', '--against', 'pipeline.yaml')
    expect(compared.code).toBe(2)
    expect(compared.stdout).toMatch(/clicks\s+semantic/)
    expect(compared.stdout).toMatch(/Give the view a new version: user_activity@2/)
    const run = await shop.run('run', '-f', 'changed.yaml', '--until-end')
    expect(run.code).toBe(2)
    expect(run.stderr).toMatch(/DEFINITION_CHANGED/)
    expect(await shop.run('validate', '--against', 'pipeline.yaml')).toMatchObject({ code: 0 })
  })
})

describe('a run that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s commits and leaves with 0 within 10 s; status and get work beside it; the next run goes on',
    async (signal) => {
      using shop = new CliDirectory()
      await shop.run('init')
      const { child, says, ended } = shop.start(['run'])
      await says('following it')
      expect(json(await shop.run('status', '--json'))).toMatchObject({
        partitions: [{ lag: 0 }, { lag: 0 }],
      })
      expect(await shop.run('table', 'list')).toMatchObject({ code: 0 })
      const asked = Date.now()
      child.kill(signal)
      const { code, stderr, stdout } = await ended
      expect(code).toBe(0)
      expect(Date.now() - asked).toBeLessThan(10_000)
      expect(stderr).toMatch(
        /stopped at events\[0\]@\d+, events\[1\]@\d+; `tidemark run` goes on from there/,
      )
      expect(stdout).toMatch(
        /^2,\d{3} records; .* rejected: too_late \d; .* rows and .* values written; .* events\/s\)$/m,
      )
      for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg')
      appendFileSync(shop.path('events', '0.jsonl'), 'not json\n')
      const next = json(await shop.run('run', '--until-end', '--json'))
      expect(next).toMatchObject({ records: 1, rejects: { undecodable: 1 } })
    },
  )

  test('a second run beside it is refused, and says who is in the way', async () => {
    using shop = new CliDirectory()
    await shop.run('init')
    const { child, says, ended } = shop.start(['run'])
    await says('following it')
    const second = await shop.run('run', '--until-end', '--json')
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/"code":"(STATE_LOCKED|ONLINE_UNAVAILABLE)"/)
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  })
})

describe.concurrent('exit codes and what is told', () => {
  const empty = new CliDirectory()
  const broken = new CliDirectory()
  /** Goes on trying for a while, beside the other tests. */
  let unreachable: Started

  beforeAll(async () => {
    await broken.run('init')
    const text = readFileSync(broken.path('pipeline.yaml'), 'utf8')
    writeFileSync(
      broken.path('pipeline.yaml'),
      text.replace('zone: UTC', 'zoen: UTC').replace('version: 1', 'version: one'),
    )
    writeFileSync(
      broken.path('kafka.yaml'),
      text.replace(
        / {2}files:\n {4}directory.*\n {4}timestamp.*\n/,
        '  kafka: { brokers: 127.0.0.1:1, topic: t }\n',
      ),
    )
    writeFileSync(
      broken.path('redis.yaml'),
      text.replace(/leveldb: [^\s}]+/, 'redis: "${REDIS_URL}"'),
    )
    unreachable = broken.start(['run', '-f', 'kafka.yaml'])
  })

  afterAll(() => {
    empty[Symbol.dispose]()
    broken[Symbol.dispose]()
  })

  test.each([
    [0, ['--help'], ''],
    [0, ['help', 'run'], ''],
    [0, ['table', 'export', '--help'], ''],
    [0, ['--version'], ''],
    [0, ['demo'], ''],
    [2, [], 'Usage: tidemark'],
    [2, ['tabel'], 'Did you mean table?'],
    [2, ['table'], 'Usage: tidemark table'],
    [2, ['table', 'compat'], 'Try: tidemark table --help'],
    [2, ['run', '--until-edn'], 'Did you mean --until-end?'],
    [2, ['run', 'surplus'], 'Try: tidemark run --help'],
    [2, ['get'], "missing required argument 'view'"],
    [2, ['preview', '-n', 'many'], 'Expected a whole number from 1'],
    [2, ['table', 'export', 'v'], "required option '--to <directory>' not specified"],
    [2, ['status'], 'there is no pipeline file'],
    [2, ['status', '-f', 'nowhere.yaml'], 'nowhere.yaml: there is no such file'],
  ])('exits with %i: tidemark %j', async (code, args, words) => {
    const ended = await empty.run(...args)
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain(words)
    if (code !== 0) expect(ended.stdout).toBe('')
  })

  test('every mistake of a definition is told at once, with its place and the nearest name, with 2', async () => {
    const { code, stderr } = await broken.run('validate', '-f', 'pipeline.yaml')
    expect(code).toBe(2)
    expect(stderr).toMatch(/2 mistakes/)
    expect(stderr).toMatch(/pipeline\.yaml:\d+:\d+ .*zoen.*zone/)
    expect(stderr).toMatch(/version/)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  test('as JSON the mistakes are data, one line on stderr, and stdout is empty', async () => {
    const { code, stdout, stderr } = await broken.run('validate', '-f', 'pipeline.yaml', '--json')
    expect([code, stdout]).toEqual([2, ''])
    const { error } = JSON.parse(stderr) as {
      readonly error: { readonly code: string; readonly details: { readonly problems: unknown[] } }
    }
    expect(error.code).toBe('DEFINITION_INVALID')
    expect(error.details.problems).toHaveLength(2)
  })

  test('brokers that cannot be reached end a start with what to check', async () => {
    const { code, stderr } = await unreachable.ended
    expect(code).toBe(1)
    expect(stderr).toContain('SOURCE_UNREADABLE')
    expect(stderr).toContain('127.0.0.1:1')
  })

  test('no secret is printed, by any command that sees one', async () => {
    const secret = { REDIS_URL: 'redis://user:hunter2@127.0.0.1:1', SHOP_TOKEN: 'swordfish' }
    const commands = [
      ['validate'],
      ['validate', '--json'],
      ['run'],
      ['doctor'],
      ['status', '--json', '--debug'],
      ['get', 'user_activity', 'user_id=swordfish'],
    ]
    const checks = commands.map(async (args) => {
      const { child, says, ended } = broken.start([...args, '-f', 'redis.yaml'], secret)
      if (args[0] === 'run') {
        // A store that is away is waited for, for ever.
        await says('trying again')
        child.kill('SIGTERM')
      }
      const { stdout, stderr } = await ended
      expect(stdout + stderr, args.join(' ')).not.toContain('hunter2')
      expect(stderr, args.join(' ')).not.toContain('swordfish')
    })
    await Promise.all(checks)
  })

  test('commands that need a run before say so', async () => {
    using shop = new CliDirectory()
    await shop.run('init')
    const list = await shop.run('table', 'list')
    expect(list.code).toBe(2)
    expect(list.stderr).toMatch(/there are no tables of shop .*`tidemark run` makes them/)
    expect((await shop.run('status')).stdout).toMatch(
      /partition 0: not started; `tidemark run` begins it/,
    )
    expect(readdirSync(shop.directory).sort()).toEqual(['events', 'pipeline.yaml'])
  })

  test('doctor exits with 1 where the times do not fit, and says which unit would', async () => {
    using shop = new CliDirectory()
    await shop.run('init')
    const text = readFileSync(shop.path('pipeline.yaml'), 'utf8')
    writeFileSync(shop.path('pipeline.yaml'), text.replace('format: ms', 'format: us'))
    const { code, stdout } = await shop.run('doctor')
    expect(code).toBe(1)
    expect(stdout).toMatch(/FAIL {2}event time: no event time could be read as us/)
    expect(stdout).toMatch(/bad_timestamp 2,\d{3} \(events\[0\]@0: /)
  })
})
