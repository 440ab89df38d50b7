/** Checkpoints: written beside the fold and at the end, chosen and restored where a machine has no state. */
import { describe, expect, test } from 'vitest'
import { createCheckpointStore } from '../../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../../src/checkpoint/failure.ts'
import type { CheckpointStore } from '../../src/engine/checkpoint-port.ts'
import { TidemarkError } from '../../src/errors.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { recordsAt } from '../support/builders.ts'
import { wrap } from '../support/crash.ts'
import { SILENT } from '../support/silent-log.ts'
import { Rig } from './rig.ts'
import type { RigParts } from './rig.ts'

const MINUTE_MS = 60_000
const AWAY = new TidemarkError('CHECKPOINT_UNAVAILABLE', 'the store is away')

/** A pipeline that keeps a checkpoint every minute. */
function keepingRig(parts: RigParts = {}): { readonly rig: Rig; readonly store: CheckpointStore } {
  const rig = new Rig(parts)
  const location = { kind: 'directory', directory: 'checkpoints' } as const
  const policy = { location, everyMs: MINUTE_MS, keep: 3, keepForMs: 0 }
  rig.pipeline = { ...rig.pipeline, checkpoints: policy }
  let ids = 0
  const store = createCheckpointStore({
    storage: new MemoryObjectStorage({
      bucket: new MemoryBucket(),
      files: new MemoryFiles(),
      nowMs: () => rig.clock.wallMs(),
      faults: CHECKPOINT_FAULTS,
    }),
    pipeline: rig.pipeline.name,
    policy,
    clock: rig.clock,
    log: SILENT,
    newId: () => String((ids += 1)).padStart(8, '0'),
  })
  rig.checkpoints = store
  return { rig, store }
}

/** The next process runs on a machine that has never seen the partition. */
function moveToAnotherMachine(rig: Rig): void {
  rig.disks.forEach((_, partition) => (rig.disks[partition] = new MemoryDisk()))
}

async function offsets(store: CheckpointStore): Promise<number[]> {
  return (await store.list(0)).map(({ head }) => head.nextOffset)
}

describe('a checkpoint', () => {
  test('is written every so often while records come, and not where nothing came', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    const run = rig.start()
    await rig.clock.advance(MINUTE_MS)
    expect(await offsets(store)).toEqual([1])
    await rig.clock.advance(3 * MINUTE_MS)
    expect(await offsets(store)).toEqual([1])
    rig.append(['2024-03-04 10:01', '2024-03-04 10:02'])
    await rig.clock.advance(MINUTE_MS)
    expect(await offsets(store)).toEqual([3, 1])
    expect(run.progress?.partitions[0]?.checkpoint).toMatchObject({ offset: 3, count: 2 })
    await run.stop()
  })

  test('is what a graceful stop hands over: up to its last commit, once', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00', '2024-03-04 10:01'])
    const run = rig.start()
    await rig.clock.advance(1_000)
    await run.stop()
    expect(await offsets(store)).toEqual([2])
    expect(rig.clock.waiting).toBe(0)
    await rig.runToEnd()
    expect(await offsets(store)).toEqual([2])
  })

  test('that cannot be stored in time does not hold up a stop', async () => {
    const { rig, store } = keepingRig()
    rig.checkpoints = wrap(store, { write: () => new Promise(() => undefined) })
    rig.append(['2024-03-04 10:00'])
    const run = rig.start()
    await rig.clock.advance(1_000)
    await run.stop()
    expect(run.ended).toBe(true)
    expect(rig.told.join('\n')).toContain('no checkpoint at the end: it takes longer than 5 s')
  })

  test('waits for a store that is away, and holds back neither the fold nor the sinks', async () => {
    const { rig, store } = keepingRig()
    let away = true
    rig.checkpoints = wrap(store, {
      write: (snapshot, run) => (away ? Promise.reject(AWAY) : store.write(snapshot, run)),
    })
    rig.append(['2024-03-04 10:00'])
    const run = rig.start()
    await rig.clock.advance(2 * MINUTE_MS)
    rig.append(['2024-03-04 10:01'])
    await rig.clock.advance(5_000)
    expect(await rig.served()).toContain('n_1d=2')
    expect(run.progress?.partitions[0]?.checkpoint).toMatchObject({ failing: true, count: 0 })
    away = false
    await rig.clock.advance(2 * MINUTE_MS)
    expect(await offsets(store)).toEqual([2, 1])
    expect(run.progress?.partitions[0]?.checkpoint).toMatchObject({ failing: false })
    await run.stop()
  })

  test('that the store refuses stops the partition, as any refused write does; nothing is lost', async () => {
    const { rig, store } = keepingRig()
    const full = new TidemarkError('CHECKPOINT_REFUSED', 'the disk is full; free space')
    rig.checkpoints = wrap(store, { write: () => Promise.reject(full) })
    rig.append(['2024-03-04 10:00'])
    const run = rig.start()
    await rig.clock.advance(2 * MINUTE_MS)
    await expect(run.summary).rejects.toMatchObject({ code: 'CHECKPOINT_REFUSED' })
    rig.checkpoints = store
    await rig.runToEnd()
    await rig.expectTheLaw()
  })
})

describe('a machine without the state', () => {
  test('restores the newest checkpoint, reads only the tail, and reaches the same sinks', async () => {
    const { rig } = keepingRig({ partitions: 2 })
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-07 10:00'])
    rig.append([{ at: '2024-03-04 11:00', user: 'v' }], 1)
    await rig.runToEnd()
    moveToAnotherMachine(rig)
    rig.append(['2024-03-07 11:00', '2024-03-09 10:00'])
    const summary = await rig.runToEnd()
    expect(summary.partitions[0]).toMatchObject({ startOffset: 3, records: 2 })
    expect(summary.partitions[1]).toMatchObject({ startOffset: 1, records: 0 })
    expect(rig.told.join('\n')).toContain('events[0]: restored checkpoint')
    await rig.expectTheLaw()
  })

  test('waits while another process on the same disk restores the partition too, and then goes on', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    await rig.runToEnd()
    moveToAnotherMachine(rig)
    rig.append(['2024-03-05 11:00'])
    let isReleased = false
    // Given to the one after it was taken from the other, which does not know yet.
    rig.checkpoints = wrap(store, {
      read: (checkpoint) => {
        if (!isReleased) rig.locked.add(checkpoint.partition)
        return store.read(checkpoint)
      },
    })
    rig.lease = {
      join: (_, listener) => {
        listener.assigned(new Set([0]))
        return Promise.resolve()
      },
      publish: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    const run = rig.start()
    await rig.clock.advance(1_000)
    expect(run.progress?.partitions).toEqual([])
    isReleased = true
    rig.locked.clear()
    await rig.clock.advance(1_000)
    await run.stop()
    expect(run.progress?.partitions[0]).toMatchObject({ startOffset: 2, nextOffset: 3 })
    await rig.expectTheLaw()
  })

  test('restores one of the middle of a run, whatever its former owner did since', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    const owner = rig.start()
    await rig.clock.advance(MINUTE_MS)
    rig.append(['2024-03-05 11:00', '2024-03-08 10:00', '2024-03-04 12:00'])
    await rig.clock.advance(10_000)
    await owner.kill()
    expect(await offsets(store)).toEqual([2])
    moveToAnotherMachine(rig)
    rig.append([{ at: '2024-03-08 11:00', user: 'v' }])
    const summary = await rig.runToEnd()
    expect(summary.partitions[0]).toMatchObject({ startOffset: 2, records: 4 })
    await rig.expectTheLaw()
  })

  test('passes over a damaged one for the one before, and says so', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    rig.append(['2024-03-04 10:01'])
    await rig.runToEnd()
    expect(await offsets(store)).toEqual([2, 1])
    rig.checkpoints = wrap(store, {
      read: (checkpoint) =>
        checkpoint.head.nextOffset === 2 ? damaged(checkpoint.id) : store.read(checkpoint),
    })
    moveToAnotherMachine(rig)
    expect((await rig.runToEnd()).partitions[0]).toMatchObject({ startOffset: 1, records: 1 })
    expect(rig.told.join('\n')).toMatch(/another digest.*Trying the one before it/)
    await rig.expectTheLaw()
  })

  test('passes over those of another beginning or another pipeline, and begins at the origin', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    rig.checkpoints = wrap(store, {
      list: async (partition) =>
        (await store.list(partition)).flatMap((checkpoint) => [
          { ...checkpoint, head: { ...checkpoint.head, origin: 7 } },
          { ...checkpoint, head: { ...checkpoint.head, pipeline: 'another' } },
          { ...checkpoint, head: { ...checkpoint.head, partitions: 2 } },
          { ...checkpoint, head: { ...checkpoint.head, generation: 2 } },
        ]),
    })
    moveToAnotherMachine(rig)
    expect((await rig.runToEnd()).partitions[0]).toMatchObject({ startOffset: 0, records: 1 })
    expect(rig.told.filter((line) => line.includes('is passed over'))).toHaveLength(4)
    await rig.expectTheLaw()
  })

  test('waits for a checkpoint store that is away rather than read all again', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    moveToAnotherMachine(rig)
    let away = true
    rig.checkpoints = wrap(store, {
      list: (partition) => (away ? Promise.reject(AWAY) : store.list(partition)),
    })
    const run = rig.start({ untilEnd: true })
    await rig.clock.advance(30_000)
    expect(run.ended).toBe(false)
    away = false
    await rig.clock.advance(30_000)
    expect((await run.summary).partitions[0]).toMatchObject({ startOffset: 1, records: 0 })
  })
})

describe('a machine with a state', () => {
  test('goes on with its own where the checkpoint is little ahead, also while the store is away', async () => {
    const { rig, store } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    const old = rig.disks[0] as MemoryDisk
    moveToAnotherMachine(rig)
    rig.append(['2024-03-04 10:01'])
    await rig.runToEnd()
    rig.disks[0] = old
    rig.checkpoints = wrap(store, { list: () => Promise.reject(AWAY) })
    expect((await rig.runToEnd()).partitions[0]).toMatchObject({ startOffset: 1, records: 1 })
    await rig.expectTheLaw()
  })

  test('takes the checkpoint where that is a million records ahead', async () => {
    const { rig } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    const old = rig.disks[0] as MemoryDisk
    moveToAnotherMachine(rig)
    rig.appendRaw(recordsAt(['2024-03-04 10:01']), 0, 1_000_000)
    await rig.runToEnd()
    rig.disks[0] = old
    expect((await rig.runToEnd()).partitions[0]).toMatchObject({ startOffset: 1_000_002 })
    await rig.expectTheLaw()
  })

  test('takes the checkpoint where the log no longer has what its own state needs', async () => {
    const { rig } = keepingRig()
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    const old = rig.disks[0] as MemoryDisk
    moveToAnotherMachine(rig)
    rig.append(['2024-03-04 10:01', '2024-03-04 10:02'])
    await rig.runToEnd()
    rig.disks[0] = old
    rig.logStart = 2
    expect((await rig.runToEnd()).partitions[0]).toMatchObject({ startOffset: 3, records: 0 })
    await rig.expectTheLaw()
  })

  test('stops where neither it nor a checkpoint reaches what the log still has', async () => {
    const { rig } = keepingRig()
    rig.append(['2024-03-04 10:00', '2024-03-04 10:01'])
    await rig.runToEnd()
    rig.logStart = 3
    const before = rig.effects.length
    await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'OFFSET_GONE' })
    expect(rig.effects.length).toBe(before)
  })
})

async function* damaged(id: string): AsyncGenerator<never> {
  await Promise.resolve()
  throw new TidemarkError('CHECKPOINT_DAMAGED', `checkpoint ${id}: a file has another digest`)
}
