/** What a checkpoint store promises over any place of files: run for directories, buckets and memory. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type KeptCheckpoints,
  createCheckpointStore,
} from '../../src/checkpoint/checkpoint-store.ts'
import type { Checkpoint } from '../../src/engine/checkpoint-port.ts'
import type { Log } from '../../src/engine/ports.ts'
import type { ObjectStorage } from '../../src/storage/object-storage.ts'
import {
  HOUR_MS,
  MovedTime,
  contentOf,
  interceptChanges,
  snapshotOf,
  timedStorage,
} from './checkpoint-fixtures.ts'
import type { StorageFixture } from './object-storage.ts'

const FOLDER = 'shop/partition-00003'
const FIRST = { t1: 'first table', t2: 'second table', log: 'log 1', empty: '' }
const SECOND = { t2: 'second table', t3: 'third table', log: 'log 1 and more', empty: '' }

/** Closed until it is opened, once. */
class Gate {
  open: () => void = () => undefined
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

interface World {
  readonly fixture: StorageFixture
  readonly time: MovedTime
  readonly warnings: string[]
  readonly storage: ObjectStorage
  /** A store as another process would have it. */
  store(options?: { storage?: ObjectStorage; keep?: number; keepForMs?: number }): KeptCheckpoints
}

let world: World

async function createWorld(create: () => Promise<StorageFixture>): Promise<World> {
  const fixture = await create()
  const time = new MovedTime()
  const moved = new Map<string, number>()
  const warnings: string[] = []
  const log: Log = {
    debug() {},
    info() {},
    warn: (_, message) => void warnings.push(message),
    error() {},
  }
  const [storage, other] = fixture.clients.map((client) => timedStorage(client, time, moved))
  let stores = 0
  return {
    fixture,
    time,
    warnings,
    storage: storage as ObjectStorage,
    store: ({ storage: given, keep = 2, keepForMs = 0 } = {}) => {
      stores += 1
      return createCheckpointStore({
        storage: given ?? ((stores % 2 === 1 ? storage : other) as ObjectStorage),
        pipeline: 'shop',
        policy: { keep, keepForMs },
        clock: time,
        log,
        newId: randomUUID,
      })
    },
  }
}

export function describeCheckpointStore(name: string, create: () => Promise<StorageFixture>): void {
  describe(`${name} as a CheckpointStore`, () => {
    beforeEach(async () => {
      world = await createWorld(create)
    })
    afterEach(() => world.fixture[Symbol.asyncDispose]())
    testWriting()
    testDamage()
    testCrashes()
    testRetention()
    testWritersBesidePruners()
  })
}

async function listedIds(store: KeptCheckpoints): Promise<string[]> {
  return (await store.list(3)).map(({ id }) => id)
}

async function objects(): Promise<string[]> {
  return (await world.storage.list(`${FOLDER}/files/`)).map(({ path }) => path)
}

async function objectOf(text: string): Promise<string> {
  for (const path of await objects()) {
    const bytes = await world.storage.get(path)
    if (bytes && Buffer.from(bytes).toString('utf8') === text) return path
  }
  throw new Error(`no object has the text ${text}`)
}

async function collectAll(store: KeptCheckpoints): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    world.time.movedMs += HOUR_MS + 60_000
    await store.prune(3)
  }
}

/** Every object is needed, and nothing else is left. */
async function expectTidy(store: KeptCheckpoints): Promise<void> {
  const digests = (await store.list(3)).flatMap(({ files }) => files.map(({ digest }) => digest))
  const stored = (await objects()).map(
    (path) => path.slice(`${FOLDER}/files/`.length).split('.')[0],
  )
  expect([...new Set(stored)].sort()).toEqual([...new Set(digests)].sort())
  expect(stored.length).toBe(new Set(stored).size)
  expect(await world.storage.list(`${FOLDER}/writing/`)).toEqual([])
  expect(await world.storage.list(`${FOLDER}/retired/`)).toEqual([])
}

function testWriting(): void {
  test('what was written is found by another process and reads back, byte for byte', async () => {
    const snapshot = snapshotOf(70, FIRST)
    const written = await world.store().write(snapshot, 'run-1')
    const reader = world.store()
    const [found] = await reader.list(3)
    expect(found).toEqual(JSON.parse(JSON.stringify(written)))
    expect(found).toMatchObject({ partition: 3, run: 'run-1', bytesAdded: 28 })
    expect(found?.head).toEqual(JSON.parse(JSON.stringify(snapshot.head)))
    expect(await contentOf(reader, found as Checkpoint)).toEqual(FIRST)
    expect(await reader.list(4)).toEqual([])
    expect(await reader.partitions()).toEqual([3])
    expect(await reader.damageOf(written)).toBeUndefined()
  })

  test('the highest generation and offset come first, whoever wrote last', async () => {
    const store = world.store()
    const ids: string[] = []
    for (const [offset, generation] of [
      [9, 1],
      [1_000, 1],
      [70, 2],
      [8, 2],
      [999, 1],
    ] as const)
      ids.push((await store.write(snapshotOf(offset, FIRST, { generation }), 'r')).id)
    expect(await listedIds(world.store())).toEqual([2, 3, 1, 4, 0].map((index) => ids[index]))
  })

  test('a second checkpoint stores what is new and reads only what may have changed', async () => {
    const store = world.store()
    await store.write(snapshotOf(70, FIRST), 'r')
    const next = snapshotOf(90, SECOND)
    const { bytesAdded } = await store.write(next, 'r')
    expect(bytesAdded).toBe('third table'.length + 'log 1 and more'.length)
    expect(next.reads.sort()).toEqual(['empty', 'log', 't3'])
    const [newest, older] = await store.list(3)
    expect(await contentOf(store, newest as Checkpoint)).toEqual(SECOND)
    expect(await contentOf(store, older as Checkpoint)).toEqual(FIRST)
  })

  test('a name says nothing in another lineage: after a restore it may stand for other bytes', async () => {
    const store = world.store()
    await store.write(snapshotOf(70, FIRST), 'r')
    const restored = { ...FIRST, t2: 'SECOND TABLE' }
    await store.write(snapshotOf(71, restored, { lineage: 'b' }), 'r')
    await store.write(snapshotOf(80, restored, { lineage: 'b' }), 'r')
    await store.write(snapshotOf(90, FIRST), 'r')
    const contents = await Promise.all((await store.list(3)).map((each) => contentOf(store, each)))
    expect(contents).toEqual([FIRST, restored, restored, FIRST])
  })

  test('a process that began again reads everything once, and stores only what is new', async () => {
    await world.store().write(snapshotOf(70, FIRST), 'r')
    const next = snapshotOf(90, SECOND, { lineage: 'b' })
    const { bytesAdded } = await world.store().write(next, 'r2')
    expect(next.reads.length).toBe(4)
    expect(bytesAdded).toBe('third table'.length + 'log 1 and more'.length)
  })

  test('two writers at once, of one offset or of several, each leave a whole one', async () => {
    const stores = [world.store(), world.store(), world.store(), world.store()]
    await Promise.all(
      stores.map((store, i) =>
        store.write(snapshotOf(70 + (i % 2), { ...FIRST, log: `${i}` }), 'r'),
      ),
    )
    const reader = world.store()
    const listed = await reader.list(3)
    const logs = await Promise.all(
      listed.map(async (each) => (await contentOf(reader, each))['log']),
    )
    expect(logs.sort()).toEqual(['0', '1', '2', '3'])
  })
}

function testDamage(): void {
  test.each([
    ['other bytes', Buffer.from('second tabel')],
    ['its end missing', Buffer.from('second')],
    ['gone', undefined],
  ])(
    'a file with %s is told, the one before reads, and the next one holds it anew',
    async (_, bytes) => {
      const store = world.store()
      await store.write(snapshotOf(70, { t1: 'first table' }), 'r')
      await store.write(snapshotOf(90, FIRST), 'r')
      const object = await objectOf('second table')
      if (bytes === undefined) await world.storage.delete(object)
      else await world.storage.put(object, bytes)
      const [newest, older] = await store.list(3)
      await expect(contentOf(store, newest as Checkpoint)).rejects.toMatchObject({
        code: 'CHECKPOINT_DAMAGED',
        message: expect.stringContaining(object) as string,
      })
      expect(await contentOf(store, older as Checkpoint)).toEqual({ t1: 'first table' })
      const next = await store.write(snapshotOf(91, FIRST), 'r')
      expect(await contentOf(world.store(), next)).toEqual(FIRST)
    },
  )

  test('what was discarded is not found, and nothing is shared with it any more', async () => {
    const store = world.store()
    await store.write(snapshotOf(70, FIRST), 'r')
    const [damaged] = await store.list(3)
    await world.storage.put(await objectOf('second table'), Buffer.from('second tabel'))
    expect(await store.damageOf(damaged as Checkpoint)).toMatch(/t2 .*has other bytes/)
    await store.discard(3, (damaged as Checkpoint).id)
    expect(await store.list(3)).toEqual([])
    const next = await world.store().write(snapshotOf(90, FIRST), 'r')
    expect(await contentOf(store, next)).toEqual(FIRST)
  })

  test.each([
    ['changed', (text: string) => text.replace('"nextOffset":90', '"nextOffset":91')],
    ['cut', (text: string) => text.slice(0, -9)],
    ['empty', () => ''],
    ['of another format', (text: string) => text.replace('"format":1', '"format":2')],
  ])('a manifest that is %s is passed over with a warning', async (_, change) => {
    const store = world.store()
    const kept = await store.write(snapshotOf(70, FIRST), 'r')
    const { id } = await store.write(snapshotOf(90, SECOND), 'r')
    const path = `${FOLDER}/checkpoints/${id}.json`
    const text = Buffer.from((await world.storage.get(path)) ?? '').toString('utf8')
    await world.storage.put(path, Buffer.from(change(text)))
    const reader = world.store()
    expect(await listedIds(reader)).toEqual([kept.id])
    expect((await reader.examine(3)).map((each) => each.why === undefined)).toEqual([false, true])
    await reader.list(3)
    expect(world.warnings).toEqual([expect.stringContaining(path)])
  })

  test('a manifest of a newer version keeps everything in place: what it names cannot be known', async () => {
    const store = world.store({ keep: 1 })
    await store.write(snapshotOf(70, FIRST), 'r')
    const { id } = await store.write(snapshotOf(90, SECOND), 'r')
    await world.storage.put(`${FOLDER}/checkpoints/${id}.json`, Buffer.from('{"format":2,"x":1}'))
    const before = await objects()
    await collectAll(world.store({ keep: 1 }))
    expect(await objects()).toEqual(before)
  })
}

function testCrashes(): void {
  test('a writer that dies at any change is never found half, and what it left goes', async () => {
    const kept = await world.store().write(snapshotOf(70, FIRST), 'r')
    for (const moment of ['before', 'after'] as const) {
      for (let dies = 0; ; dies += 1) {
        const { storage, changes } = interceptChanges(world.storage, (change, when) => {
          if (change > dies || (change === dies && when === moment)) throw new Error('died')
        })
        const write = world.store({ storage }).write(snapshotOf(90, SECOND), 'r')
        const isWhole = await write.then(
          () => true,
          () => false,
        )
        const found = await world.store().list(3)
        for (const each of found)
          expect(await contentOf(world.store(), each)).toEqual(each.id === kept.id ? FIRST : SECOND)
        if (isWhole) expect(found.length).toBe(2)
        for (const each of found) if (each.id !== kept.id) await world.store().discard(3, each.id)
        if (changes() <= dies) break
      }
    }
    await collectAll(world.store())
    expect(await listedIds(world.store())).toEqual([kept.id])
    await expectTidy(world.store())
  })
}

function testRetention(): void {
  test('the newest are kept however old, and all that are young', async () => {
    const store = world.store({ keep: 2, keepForMs: 10 * HOUR_MS })
    const ids: string[] = []
    for (let i = 0; i < 5; i += 1) {
      ids.unshift((await store.write(snapshotOf(i, { ...FIRST, log: `log ${i}` }), 'r')).id)
      world.time.movedMs += 4 * HOUR_MS
    }
    expect((await store.prune(3)).checkpoints).toBe(3)
    expect(await listedIds(world.store())).toEqual(ids.slice(0, 2))
    world.time.movedMs += 100 * HOUR_MS
    expect((await store.prune(3)).checkpoints).toBe(0)
    await collectAll(store)
    await expectTidy(world.store())
  })

  test('the newest of the highest generation stays, even where none is to be kept', async () => {
    const store = world.store({ keep: 0 })
    const { id } = await store.write(snapshotOf(5, FIRST, { generation: 2 }), 'r')
    await store.write(snapshotOf(900, SECOND, { generation: 1 }), 'r')
    await collectAll(store)
    expect(await listedIds(store)).toEqual([id])
  })

  test('who is restoring one that is given up may end: its files stay for an hour', async () => {
    const store = world.store({ keep: 1 })
    const old = await store.write(snapshotOf(70, FIRST), 'r')
    world.time.movedMs += 50 * HOUR_MS
    await store.write(snapshotOf(90, SECOND), 'r')
    await store.prune(3)
    expect(await listedIds(store)).not.toContain(old.id)
    expect(await contentOf(world.store(), old)).toEqual(FIRST)
    const pruned = await (async () => {
      world.time.movedMs += HOUR_MS + 60_000
      return store.prune(3)
    })()
    expect(pruned).toEqual({ checkpoints: 0, files: 2, bytes: 'first tablelog 1'.length })
    await expect(contentOf(world.store(), old)).rejects.toMatchObject({
      code: 'CHECKPOINT_DAMAGED',
    })
    await expectTidy(world.store())
  })
}

function testWritersBesidePruners(): void {
  test('a writer that slept while what it builds on was given up begins again, and is whole', async () => {
    const pruner = world.store({ keep: 1 })
    await pruner.write(snapshotOf(70, FIRST), 'r')
    const { storage, changes } = interceptChanges(world.storage, async (change, moment) => {
      // After its first file, and long enough that all that it names is deleted.
      if (change !== 1 || moment !== 'after') return
      await world.store().write(snapshotOf(95, { t9: 'all is new' }), 'r')
      await collectAll(pruner)
      await collectAll(pruner)
      expect((await objects()).length).toBe(1)
    })
    await world.store({ storage }).write(snapshotOf(90, SECOND), 'r')
    expect(changes()).toBeGreaterThan(8)
    const reader = world.store()
    const [newest, older] = await reader.list(3)
    expect(await contentOf(reader, newest as Checkpoint)).toEqual({ t9: 'all is new' })
    expect(await contentOf(reader, older as Checkpoint)).toEqual(SECOND)
  })

  test('a pruner that slept while another one deleted what it should have seen deletes nothing', async () => {
    await world.store().write(snapshotOf(70, FIRST), 'r')
    world.time.movedMs += 2 * HOUR_MS
    const [listed, mayWrite] = [new Gate(), new Gate()]
    const { storage } = interceptChanges(world.storage, async (change, moment) => {
      // It has listed the first checkpoint, and is about to store what it does not share with it.
      if (change !== 1 || moment !== 'before') return
      listed.open()
      await mayWrite.opened
    })
    const written = world.store({ storage }).write(snapshotOf(90, SECOND), 'r')
    await listed.opened
    await world.store().write(snapshotOf(95, { t9: 'all is new' }), 'r')
    const sleepsBefore = async (prefix: string): Promise<void> => {
      if (!prefix.endsWith('/retired/')) return
      mayWrite.open()
      await written
      world.time.movedMs += HOUR_MS + 60_000
      await world.store({ keep: 2 }).prune(3)
      expect(await world.storage.list(prefix)).toEqual([])
    }
    const slow: ObjectStorage = {
      ...world.storage,
      list: async (prefix) => {
        await sleepsBefore(prefix)
        return world.storage.list(prefix)
      },
    }
    expect((await world.store({ storage: slow, keep: 1 }).prune(3)).files).toBe(0)
    const reader = world.store()
    const [newest, older] = await reader.list(3)
    expect(await contentOf(reader, newest as Checkpoint)).toEqual({ t9: 'all is new' })
    expect(await contentOf(reader, older as Checkpoint)).toEqual(SECOND)
    await collectAll(world.store({ keep: 2 }))
    await expectTidy(world.store())
  })

  test('one whose writer died right after it was whole is given up as any other, its name fenced or not', async () => {
    const knows = world.store()
    const { storage, changes } = interceptChanges(world.storage, (change) => {
      if (change > 5) throw new Error('died')
    })
    const old = await world.store({ storage }).write(snapshotOf(70, FIRST), 'r')
    expect(changes()).toBe(7)
    expect(await listedIds(knows)).toEqual([old.id])
    world.time.movedMs += 2 * HOUR_MS
    const { id } = await world.store().write(snapshotOf(95, SECOND), 'r')
    expect(await world.store({ keep: 1 }).prune(3)).toMatchObject({ checkpoints: 1, files: 0 })
    expect(await world.storage.get(`${FOLDER}/checkpoints/${old.id}.json`)).toBeDefined()
    expect(await listedIds(knows)).toEqual([id])
    expect(await contentOf(world.store(), old)).toEqual(FIRST)
  })

  test('a writer that works for hours is not taken for dead', async () => {
    const pruner = world.store({ keep: 1 })
    await pruner.write(snapshotOf(70, FIRST), 'r')
    const { storage } = interceptChanges(world.storage, async () => {
      world.time.movedMs += HOUR_MS / 15
      await pruner.prune(3)
    })
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`t${i}`, `text ${i}`]))
    const { id } = await world.store({ storage }).write(snapshotOf(90, many), 'r')
    expect(await listedIds(pruner)).toContain(id)
    const reader = world.store()
    expect(await contentOf(reader, (await reader.list(3))[0] as Checkpoint)).toEqual(many)
  })
}
