/**
 * Writers, pruners and deaths in any order: each request to the place of files is a step, and between two steps of one
 * anything may happen to the others, and any time may pass. After every step each checkpoint that is listed reads back whole.
 */
import { expect, test } from 'vitest'
import {
  type KeptCheckpoints,
  createCheckpointStore,
} from '../../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../../src/checkpoint/failure.ts'
import type { Clock } from '../../src/engine/ports.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import type { ObjectStorage } from '../../src/storage/object-storage.ts'
import { contentOf, snapshotOf } from '../conformance/checkpoint-fixtures.ts'
import { SILENT } from '../support/silent-log.ts'
import { fc } from '../support/properties.ts'

const MINUTE_MS = 60_000
/** Texts that states share: what one writer stores another one has too. */
const TEXTS = ['a', 'b', 'c', 'd']

interface Step {
  /** Which of the requests that wait is let through. */
  readonly pick: number
  /** Minutes that pass before. */
  readonly minutes: number
  /** Whether who asked dies, and its request with it or not. */
  readonly dies: 'no' | 'before' | 'after'
}

interface Waiting {
  readonly actor: number
  let(dies: Step['dies']): Promise<void>
}

class Died extends Error {}

class Stage {
  readonly bucket = new MemoryBucket()
  readonly files = new MemoryFiles()
  readonly clock: Clock
  readonly contents = new Map<number, Record<string, string>>()
  nowMs = 1_000_000 * MINUTE_MS
  waiting: Waiting[] = []
  readonly #dead = new Set<number>()
  #ids = 0

  constructor() {
    this.clock = {
      wallMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      sleep: () => Promise.resolve(),
    }
  }

  /** What this actor sees; 0 is who looks on, and is never held. */
  store(actor: number): KeptCheckpoints {
    const storage = new MemoryObjectStorage({
      bucket: this.bucket,
      files: this.files,
      nowMs: () => this.nowMs,
      faults: CHECKPOINT_FAULTS,
    })
    return createCheckpointStore({
      storage: actor === 0 ? storage : this.#held(storage, actor),
      pipeline: 'shop',
      policy: { keep: 1, keepForMs: 0 },
      clock: this.clock,
      log: SILENT,
      newId: () => {
        this.#ids += 1
        return `id${this.#ids}`
      },
    })
  }

  #held(storage: ObjectStorage, actor: number): ObjectStorage {
    const hold = <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        if (this.#dead.has(actor)) {
          reject(new Died())
          return
        }
        this.waiting.push({
          actor,
          let: async (dies) => {
            if (dies !== 'no') this.#dead.add(actor)
            if (dies !== 'before') await work().then(dies === 'no' ? resolve : undefined, reject)
            if (dies !== 'no') reject(new Died())
          },
        })
      })
    return {
      location: 'memory',
      staging: () => storage.staging(),
      putIfAbsent: (path, bytes) => hold(() => storage.putIfAbsent(path, bytes)),
      put: (path, bytes) => hold(() => storage.put(path, bytes)),
      moveIn: (local, path) => hold(() => storage.moveIn(local, path)),
      copy: (from, to) => hold(() => storage.copy(from, to)),
      discard: (local) => storage.discard(local),
      get: (path) => hold(() => storage.get(path)),
      stat: (path) => hold(() => storage.stat(path)),
      list: (prefix) => hold(() => storage.list(prefix)),
      delete: (path) => hold(() => storage.delete(path)),
      open: (path) => hold(() => storage.open(path)),
    }
  }

  /** Several checkpoints in a row, each with some of the texts. */
  async write(actor: number): Promise<void> {
    const store = this.store(actor)
    for (let turn = 0; turn < 3; turn += 1) {
      const offset = turn * 10 + actor
      const texts = TEXTS.filter((_, index) => (index + turn + actor) % 3 !== 0)
      const files = Object.fromEntries(texts.map((text) => [`t${text}`, text]))
      this.contents.set(offset, files)
      await store.write(snapshotOf(offset, files), 'r')
    }
  }

  async prune(actor: number): Promise<void> {
    const store = this.store(actor)
    for (let turn = 0; turn < 4; turn += 1) await store.prune(3)
  }

  /** @returns how many are listed */
  async look(): Promise<number> {
    const store = this.store(0)
    const listed = await store.list(3)
    for (const each of listed)
      expect(await contentOf(store, each)).toEqual(this.contents.get(each.head.nextOffset))
    return listed.length
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function play(steps: readonly Step[]): Promise<void> {
  const stage = new Stage()
  const actors = [stage.write(1), stage.write(2), stage.prune(3), stage.prune(4)]
  const ends = Promise.allSettled(actors)
  let seen = 0
  for (let step = 0; ; step += 1) {
    await settled()
    if (stage.waiting.length === 0) break
    const { pick, minutes, dies } = steps[step] ?? { pick: step * 7, minutes: 0, dies: 'no' }
    stage.nowMs += minutes * MINUTE_MS
    const [next] = stage.waiting.splice(pick % stage.waiting.length, 1)
    await next?.let(dies)
    const count = await stage.look()
    expect(count).toBeGreaterThanOrEqual(Math.min(seen, 1))
    seen = Math.max(seen, count)
  }
  for (const end of await ends)
    if (end.status === 'rejected' && !isExpected(end.reason)) throw end.reason
}

function isExpected(reason: unknown): boolean {
  return (
    reason instanceof Died || (reason instanceof Error && /taken for dead/.test(reason.message))
  )
}

const step: fc.Arbitrary<Step> = fc.record({
  pick: fc.nat(11),
  minutes: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(1, 20, 59, 61, 200) },
  ),
  dies: fc.oneof(
    { weight: 60, arbitrary: fc.constant('no' as const) },
    { weight: 1, arbitrary: fc.constantFrom('before' as const, 'after' as const) },
  ),
})

test('every checkpoint that is listed is whole, whoever writes, deletes, sleeps and dies beside it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 120, maxLength: 260, size: 'max' }), play),
    { numRuns: 200, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: false },
  )
})
