/** `tidemark checkpoint` as a user meets it: a real pipeline over files, its state lost, moved, replaced. */
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Ended } from '../../support/cli-process.ts'

interface Listed {
  readonly id: string
  readonly partition: number
  readonly offset: number
  readonly files: number
  readonly bytes: number
  readonly bytesAdded: number
}

const shop = new CliDirectory()
let user = ''

beforeAll(async () => {
  await shop.run('init')
  appendFileSync(
    shop.path('pipeline.yaml'),
    '\ncheckpoints: { store: ./checkpoints, keep: 2, keepFor: 1h }\n',
  )
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

function json({ stdout }: Ended): unknown {
  return JSON.parse(stdout)
}

async function list(): Promise<Listed[]> {
  const listed = await shop.run('checkpoint', 'list', '--json')
  return (json(listed) as { readonly checkpoints: Listed[] }).checkpoints
}

/** What is served, without how old it is by now. */
async function valueOf(name: string): Promise<object> {
  const told = json(await shop.run('get', 'user_activity', `user_id=${name}`, '--json'))
  const { found, features, asOf } = told as { found: boolean; features: object; asOf: string }
  return { found, features, asOf }
}

function objects(partition: number): string[] {
  const folder = shop.path('checkpoints', 'shop', `partition-0000${partition}`, 'files')
  return readdirSync(folder).map((name) => `${folder}/${name}`)
}

describe('checkpoints', () => {
  test('a run that ends has left one of each partition, and list shows them', async () => {
    const listed = await list()
    expect(listed.map(({ partition }) => partition)).toEqual([0, 1])
    for (const { files, bytes, bytesAdded } of listed) {
      expect(files).toBeGreaterThanOrEqual(3)
      expect(bytesAdded).toBe(bytes)
    }
    const { stdout } = await shop.run('checkpoint', 'list', '--partition', '1')
    expect(stdout).toMatch(/^PARTITION +ID +GENERATION +OFFSET +AGE +SIZE +FILES +ADDED\n1 +0{5}1-/)
  })

  test('create makes one of the state on this machine', async () => {
    const { stdout, code } = await shop.run('checkpoint', 'create', '--partition', '1')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^partition 1: 000001-\S+ at offset [\d,]+ \(.* of them new\)\n$/)
    expect((await list()).length).toBe(3)
  })

  test('a state that is lost comes back from its checkpoint, and the run goes on where it was', async () => {
    const before = await valueOf(user)
    expect(before).toMatchObject({ found: true })
    renameSync(shop.path('state'), shop.path('lost'))
    const ended = await shop.run('run', '--until-end', '--json')
    expect(ended.code).toBe(0)
    expect(json(ended)).toMatchObject({ records: 0 })
    expect(ended.stderr).toMatch(/restored checkpoint 000001-/)
    expect(await valueOf(user)).toEqual(before)
    rmSync(shop.path('lost'), { recursive: true })
  })

  test('restore asks before it goes back, and keeps what it replaces where it is told to', async () => {
    const refused = await shop.run('checkpoint', 'restore', '--partition', '0')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/the state on this machine is at offset \d+ .*--force/s)
    const args = ['checkpoint', 'restore', '--partition', '0', '--force', '--keep-old']
    const forced = await shop.run(...args, '--json')
    expect(forced).toMatchObject({ code: 0 })
    const { oldState, replaced } = json(forced) as { oldState: string; replaced: boolean }
    expect(replaced).toBe(true)
    expect(existsSync(oldState)).toBe(true)
    expect(json(await shop.run('run', '--until-end', '--json'))).toMatchObject({ records: 0 })
  })

  test('restore of a state that a run holds is refused; create beside it works', async () => {
    const run = shop.start(['run'])
    await run.says('following it')
    const args = ['checkpoint', 'restore', '--partition', '0', '--force']
    const refused = await shop.run(...args)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/\[STATE_LOCKED\]/)
    expect(await shop.run('checkpoint', 'create')).toMatchObject({ code: 0 })
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0 })
    expect(readdirSync(shop.path('state')).filter((name) => /restor|replaced/.test(name))).toEqual(
      [],
    )
  })

  test('verify finds a byte that changed; restore goes to the one before; discard makes the next whole', async () => {
    expect(await shop.run('checkpoint', 'verify')).toMatchObject({ code: 0 })
    const newest = (await list()).find(({ partition }) => partition === 0)
    const own = objects(0).filter((file) => file.endsWith(`.${newest?.id ?? ''}`))
    const object = own[0] as string
    const bytes = readFileSync(object)
    bytes[0] = (bytes[0] as number) ^ 1
    writeFileSync(object, bytes)
    const found = await shop.run('checkpoint', 'verify', '--json')
    expect(found.code).toBe(1)
    const { checkpoints } = json(found) as { checkpoints: { id: string; damage: string | null }[] }
    expect(checkpoints.find(({ id }) => id === newest?.id)?.damage).toMatch(/has other bytes/)
    const restored = await shop.run('checkpoint', 'restore', '--partition', '0', '--force')
    expect(restored.stderr).toMatch(/is damaged.*trying the one before it/s)
    expect(restored).toMatchObject({ code: 0 })
    expect((await shop.run('checkpoint', 'verify', '--discard')).stdout).toMatch(/was discarded/)
    expect(await shop.run('checkpoint', 'create')).toMatchObject({ code: 0 })
    expect(await shop.run('checkpoint', 'verify')).toMatchObject({ code: 0 })
  })

  test('prune gives up what the file does not keep', async () => {
    expect(json(await shop.run('checkpoint', 'prune', '--json'))).toMatchObject({ files: 0 })
    const young = await list()
    expect(young.length).toBeGreaterThan(4)
    const text = readFileSync(shop.path('pipeline.yaml'), 'utf8')
    writeFileSync(shop.path('pipeline.yaml'), text.replace('keepFor: 1h', 'keepFor: 1s'))
    const { stdout, stderr } = await shop.run('checkpoint', 'prune')
    expect(stdout).toMatch(/^gave up \d+ checkpoints?, deleted 0 files/)
    expect(stderr).toMatch(/after an hour/)
    expect((await list()).length).toBe(4)
  })

  test('what is wrong is said with what to do', async () => {
    using other = new CliDirectory()
    await other.run('init')
    const none = await other.run('checkpoint', 'list')
    expect(none.code).toBe(2)
    expect(none.stderr).toMatch(/keeps no checkpoints.*checkpoints: \{ store/s)
    const unknown = await shop.run('checkpoint', 'restore', '--partition', '0', '--id', 'x')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toMatch(/no checkpoint x in .*checkpoint list/s)
    expect(await shop.run('checkpoint', 'list', '--partition', 'x')).toMatchObject({ code: 2 })
  })
})
