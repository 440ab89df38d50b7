/** Snapshots of LevelDB beside its compactions, and the restore that puts one in the place of a state. */
import { randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createCheckpointStore } from '../../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../../src/checkpoint/failure.ts'
import { systemClock } from '../../src/cli/system-clock.ts'
import type { Checkpoint } from '../../src/engine/checkpoint-port.ts'
import type { PartitionState, StateFile, StateSnapshot } from '../../src/engine/ports.ts'
import { openStateCopy } from '../../src/leveldb/readers.ts'
import { restoreState, settleRestore } from '../../src/leveldb/restore.ts'
import { LevelPartitionState } from '../../src/leveldb/state.ts'
import { DirectoryStorage } from '../../src/storage/directory-storage.ts'
import { stateCommit, tile } from '../conformance/state-fixtures.ts'
import { readFiles } from '../conformance/state-snapshot.ts'
import { SILENT } from '../support/silent-log.ts'

const root = mkdtempSync(path.join(tmpdir(), 'tidemark-snapshot-'))
let places = 0

function newDirectory(): string {
  places += 1
  const place = path.join(root, String(places))
  mkdirSync(place)
  return path.join(place, 'partition-3')
}

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Small buffers, so that tables are written and merged all the time. */
function openBusy(directory: string): Promise<LevelPartitionState> {
  return LevelPartitionState.open(directory, { writeBufferBytes: 65_536 })
}

/** Entity `user:n` of a round has the round's text: a state of mixed rounds shows. */
async function commitRound(state: PartitionState, round: number, text = `${round}`): Promise<void> {
  const tiles = Array.from({ length: 300 }, (_, n) =>
    tile(`user:${n}`, 1, round * 300 + n, text.padEnd(100, '.')),
  )
  await state.commit(stateCommit((round + 1) * 300, { tiles }))
}

async function texts(state: Pick<PartitionState, 'scan'>): Promise<string[]> {
  const found = await state.scan(0, 0, undefined, 999)
  const all = found.map(({ tiles }) => Buffer.from(tiles[0]?.bytes ?? []).toString())
  return [...new Set(all.map((text) => text.replaceAll('.', '')))]
}

function restoreInto(
  directory: string,
  files: readonly StateFile[],
  { partition = 3, keepOldAs }: { partition?: number; keepOldAs?: string } = {},
): Promise<boolean> {
  const old = keepOldAs === undefined ? {} : { keepOldAs }
  const what = { pipeline: 'shop', partition, ...old }
  return restoreState({ directory, files: readFiles(files), ...what })
}

async function stateWith(text: string): Promise<string> {
  const directory = newDirectory()
  await using state = await LevelPartitionState.open(directory)
  await commitRound(state, 0, text)
  return directory
}

async function textsIn(directory: string): Promise<string[]> {
  await using state = await LevelPartitionState.open(directory)
  return await texts(state)
}

/** What stands beside a state. */
function siblings(directory: string): string[] {
  return readdirSync(path.dirname(directory)).filter((name) => name !== path.basename(directory))
}

test('each of many snapshots is the state of its commit, read while commits and compactions go on', async () => {
  const directory = newDirectory()
  await using state = await openBusy(directory)
  const taken: { readonly snapshot: StateSnapshot; readonly round: number }[] = []
  for (let round = 0; round < 60; round += 1) {
    await commitRound(state, round)
    if (round % 4 === 3) taken.push({ snapshot: await state.snapshot(), round })
    if (taken.length < 4) continue
    const { snapshot, round: at } = taken.shift() as (typeof taken)[0]
    const restored = newDirectory()
    await restoreInto(restored, snapshot.files)
    await snapshot[Symbol.asyncDispose]()
    await using copy = await LevelPartitionState.open(restored)
    expect(await texts(copy)).toEqual([String(at)])
    expect(copy.head?.nextOffset).toBe((at + 1) * 300)
  }
  for (const { snapshot } of taken) await snapshot[Symbol.asyncDispose]()
  expect(readdirSync(directory).filter((name) => name.startsWith('copy-'))).toEqual([])
})

test('a snapshot that a dead process left goes with the next one, an hour later', async () => {
  const directory = await stateWith('a')
  await using state = await LevelPartitionState.open(directory)
  for (const [name, ageMs] of [
    ['copy-old', 3_700_000],
    ['copy-new', 60_000],
  ] as const) {
    mkdirSync(path.join(directory, name))
    const time = new Date(Date.now() - ageMs)
    utimesSync(path.join(directory, name), time, time)
  }
  await using snapshot = await state.snapshot()
  expect(snapshot.files.length).toBeGreaterThan(2)
  const left = readdirSync(directory).filter((name) => name.startsWith('copy-'))
  expect(left.length).toBe(2)
  expect(left).toContain('copy-new')
})

test('a snapshot whose folder is gone is damage, not a shorter state', async () => {
  const directory = await stateWith('a')
  await using state = await LevelPartitionState.open(directory)
  await using snapshot = await state.snapshot()
  for (const name of readdirSync(directory))
    if (name.startsWith('copy-')) rmSync(path.join(directory, name), { recursive: true })
  await expect(snapshot.files[0]?.read()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
})

test('a restored state gives numbers of tables out again: the lineage tells them apart, and what is stored is right', async () => {
  const kept = path.join(newDirectory(), 'checkpoints')
  const store = createCheckpointStore({
    storage: new DirectoryStorage(kept, CHECKPOINT_FAULTS),
    pipeline: 'shop',
    policy: { keep: 9, keepForMs: 0 },
    clock: systemClock,
    log: SILENT,
    newId: randomUUID,
  })
  const restored = async (checkpoint: Checkpoint): Promise<string> => {
    const directory = newDirectory()
    const files = store.read(checkpoint)
    await restoreState({ directory, files, pipeline: 'shop', partition: 3 })
    return directory
  }
  const first = await openBusy(newDirectory())
  for (let round = 0; round < 6; round += 1) await commitRound(first, round, 'first')
  await using start = await first.snapshot()
  const beginning = await store.write(start, 'r')
  // By the name of a table that only the first state has.
  const firsts = new Map<string, StateSnapshot>()
  for (let round = 6; round < 30; round += 1) {
    await commitRound(first, round, `first${round}`)
    const snapshot = await first.snapshot()
    for (const name of tableNames(snapshot.files)) firsts.set(name, snapshot)
  }
  for (const shared of tableNames(beginning.files)) firsts.delete(shared)

  await using second = await openBusy(await restored(beginning))
  for (let round = 6; round < 200; round += 1) {
    await commitRound(second, round, `second${round}`)
    await using snapshot = await second.snapshot()
    const other = await sharingNumbers(snapshot, firsts)
    if (other === undefined) continue
    await store.write(other, 'r')
    const checkpoint = await store.write(snapshot, 'r')
    expect(await textsIn(await restored(checkpoint))).toEqual([`second${round}`])
    await first[Symbol.asyncDispose]()
    return
  }
  throw new Error('no table of the second state had the number of one of the first')
})

/** One that has another table under a name that this one has too. */
async function sharingNumbers(
  snapshot: StateSnapshot,
  others: ReadonlyMap<string, StateSnapshot>,
): Promise<StateSnapshot | undefined> {
  for (const file of snapshot.files) {
    const other = others.get(file.name)
    const bytes = await other?.files.find(({ name }) => name === file.name)?.read()
    if (bytes !== undefined && Buffer.compare(bytes, await file.read()) !== 0) return other
  }
  return undefined
}

function tableNames(files: readonly { readonly name: string }[]): string[] {
  return files.map(({ name }) => name).filter((name) => name.endsWith('.ldb'))
}

test('a restore replaces a state whole and leaves nothing beside it', async () => {
  const from = await LevelPartitionState.open(await stateWith('new'))
  await using snapshot = await from.snapshot()
  const directory = await stateWith('old')
  expect(await restoreInto(directory, snapshot.files)).toBe(true)
  expect(await textsIn(directory)).toEqual(['new'])
  expect(siblings(directory)).toEqual([])
  const old = `${directory}.kept`
  await restoreInto(directory, snapshot.files, { keepOldAs: old })
  expect(await textsIn(old)).toEqual(['new'])
  await from[Symbol.asyncDispose]()
})

test('T14 a state that is in use is not replaced', async () => {
  const from = await LevelPartitionState.open(await stateWith('new'))
  await using snapshot = await from.snapshot()
  const directory = await stateWith('old')
  {
    await using owner = await LevelPartitionState.open(directory)
    await expect(restoreInto(directory, snapshot.files)).rejects.toMatchObject({
      code: 'STATE_LOCKED',
    })
    await commitRound(owner, 1, 'older')
  }
  expect(siblings(directory)).toEqual([])
  expect(await textsIn(directory)).toEqual(['older'])
  await from[Symbol.asyncDispose]()
})

test('T14 of restores at the same time in one place each ends whole or says that another is at it', async () => {
  const from = await LevelPartitionState.open(await stateWith('new'))
  await using snapshot = await from.snapshot()
  for (let round = 0; round < 20; round += 1) {
    const directory = round % 2 === 0 ? await stateWith('old') : newDirectory()
    const ends = await Promise.allSettled(
      Array.from({ length: 3 }, () => restoreInto(directory, snapshot.files)),
    )
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'STATE_LOCKED' })
    }
    await settleRestore(directory)
    expect(siblings(directory)).toEqual([])
    expect(['old', 'new']).toContain((await textsIn(directory))[0])
  }
  await from[Symbol.asyncDispose]()
})

test("a reader beside restores sees the old state, the new one, or none, and is in nobody's way", async () => {
  const from = await LevelPartitionState.open(await stateWith('new'))
  await using snapshot = await from.snapshot()
  const directory = await stateWith('old')
  const over = new AbortController()
  const restores = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) await restoreInto(directory, snapshot.files)
  }
  const restoring = restores().finally(() => over.abort())
  const seen = new Set<string | undefined>()
  while (!over.signal.aborted) {
    const copy = await openStateCopy(directory)
    seen.add(copy?.head?.pipeline)
    await copy?.[Symbol.asyncDispose]()
    // As other processes do, which are not in step with this one.
    await new Promise((resolve) => setImmediate(resolve))
  }
  await restoring
  expect([...seen].filter((name) => name !== undefined)).toEqual(['shop'])
  await from[Symbol.asyncDispose]()
})

test('a damaged state is replaced like any other', async () => {
  const from = await LevelPartitionState.open(await stateWith('new'))
  await using snapshot = await from.snapshot()
  const directory = await stateWith('old')
  writeFileSync(path.join(directory, 'CURRENT'), 'MANIFEST-999999\n')
  await restoreInto(directory, snapshot.files)
  expect(await textsIn(directory)).toEqual(['new'])
  await from[Symbol.asyncDispose]()
})

test.each([
  ['of another partition', (files: StateFile[]) => files, 4, 'partition 3 of shop'],
  ['without a table', (files: StateFile[]) => files.filter(({ isFixed }) => !isFixed), 3, 'opened'],
  ['without CURRENT', (files: StateFile[]) => files.slice(0, -1), 3, 'CURRENT'],
  [
    'with a path',
    (files: StateFile[]) => files.map((f) => ({ ...f, name: `../${f.name}` })),
    3,
    '../',
  ],
])(
  'files %s are refused, and the state that is there stays',
  async (_, change, partition, words) => {
    const source = await openBusy(newDirectory())
    for (let round = 0; round < 9; round += 1) await commitRound(source, round, 'new')
    await using snapshot = await source.snapshot()
    expect(snapshot.files.some(({ isFixed }) => isFixed)).toBe(true)
    const directory = await stateWith('old')
    await expect(
      restoreInto(directory, change([...snapshot.files]), { partition }),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_DAMAGED',
      message: expect.stringContaining(words) as string,
    })
    expect(await textsIn(directory)).toEqual(['old'])
    expect(siblings(directory)).toEqual([])
    await source[Symbol.asyncDispose]()
  },
)

test('files that end in an error leave the state that is there', async () => {
  const directory = await stateWith('old')
  const files = (async function* () {
    yield { name: 'CURRENT', bytes: Buffer.from('MANIFEST-000002\n') }
    await Promise.resolve()
    throw new Error('the network is down')
  })()
  await expect(restoreState({ directory, files, pipeline: 'shop', partition: 3 })).rejects.toThrow(
    'the network is down',
  )
  expect(await textsIn(directory)).toEqual(['old'])
  expect(siblings(directory)).toEqual([])
})

test('a crash between any two steps of a restore leaves the old state or the new one', async () => {
  for (const [crash, expected] of [
    ['before the old one was moved', 'old'],
    ['after the old one was moved', 'new'],
    ['after the new one took its place', 'new'],
    ['with nothing but the old one aside', 'old'],
  ] as const) {
    const directory = await stateWith('old')
    const fresh = await stateWith('new')
    if (crash === 'after the new one took its place') {
      renameSync(directory, `${directory}.replaced`)
      renameSync(fresh, directory)
    } else {
      if (crash !== 'before the old one was moved') renameSync(directory, `${directory}.replaced`)
      if (crash !== 'with nothing but the old one aside') renameSync(fresh, `${directory}.restored`)
    }
    await settleRestore(directory)
    expect(await textsIn(directory), crash).toEqual([expected])
    expect(siblings(directory), crash).toEqual([])
  }
})

test('a folder that a dead restore was filling goes an hour later', async () => {
  const directory = await stateWith('old')
  for (const [name, ageMs] of [
    ['dead', 3_700_000],
    ['alive', 1_000],
  ] as const) {
    const folder = `${directory}.restoring-${name}`
    mkdirSync(folder)
    const time = new Date(Date.now() - ageMs)
    utimesSync(folder, time, time)
  }
  await settleRestore(directory)
  expect(siblings(directory)).toEqual(['partition-3.restoring-alive'])
})

test('a copy of a state beside its owner has snapshots too', async () => {
  const directory = await stateWith('a')
  await using owner = await LevelPartitionState.open(directory)
  const restored = newDirectory()
  {
    const copy = await openStateCopy(directory)
    if (copy === undefined) throw new Error('there is a state')
    const snapshot = await copy.snapshot()
    await commitRound(owner, 1, 'b')
    await restoreInto(restored, snapshot.files)
    await snapshot[Symbol.asyncDispose]()
    await copy[Symbol.asyncDispose]()
  }
  expect(await textsIn(restored)).toEqual(['a'])
  expect(existsSync(directory)).toBe(true)
})

test('a state that another generation hands over says from then on that it is of this one', async () => {
  const source = await stateWith('old')
  const target = newDirectory()
  {
    await using state = await LevelPartitionState.open(source)
    await using snapshot = await state.snapshot()
    const files = readFiles(snapshot.files)
    const what = { directory: target, files, pipeline: 'shop', partition: 3 }
    await restoreState({ ...what, generation: 7 })
  }
  await using restored = await LevelPartitionState.open(target)
  expect(restored.head).toMatchObject({ generation: 7, pipeline: 'shop' })
  await commitRound(restored, 1, 'new')
})
