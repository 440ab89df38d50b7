/** The state of a partition is let go of wherever its opening ends. */
import { expect, test } from 'vitest'
import { openState } from '../../src/engine/open-state.ts'
import type { RunParts } from '../../src/engine/parts.ts'
import { TidemarkError } from '../../src/errors.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { wrap } from '../support/crash.ts'
import { SILENT } from '../support/silent-log.ts'
import { TestClock } from './rig.ts'

test('T14 a partition that is given away while its checkpoints cannot be reached does not keep its state', async () => {
  const given = new AbortController()
  const state = await MemoryPartitionState.open()
  let isOpen = false
  const parts = {
    clock: new TestClock(0),
    log: SILENT,
    source: { topic: 'events' },
    checkpoints: {
      list: () => {
        given.abort()
        return Promise.reject(new TidemarkError('CHECKPOINT_UNAVAILABLE', 'the bucket is away'))
      },
    },
    openState: () => {
      isOpen = true
      return Promise.resolve(
        wrap(state, {
          [Symbol.asyncDispose]: async () => {
            isOpen = false
            await state[Symbol.asyncDispose]()
          },
        }),
      )
    },
  } as unknown as RunParts
  const wish = {
    partition: 0,
    partitions: 1,
    generation: 1,
    origin: 0,
    logIdentity: undefined,
    inheritance: { handedOver: undefined, settled: [], regrouped: undefined },
    signal: given.signal,
  }
  await expect(openState(parts, wish)).rejects.toThrow('the bucket is away')
  expect(isOpen).toBe(false)
})

test('where partitions were added a state that was lost is not begun at the origin: the log alone cannot give it', async () => {
  const state = await MemoryPartitionState.open()
  const none = { list: () => Promise.resolve([]) }
  const parts = {
    clock: new TestClock(0),
    log: SILENT,
    source: { topic: 'log' },
    checkpoints: none,
    handOvers: { states: () => none, replaced: () => none },
    openState: () => Promise.resolve(state),
    peekState: () => Promise.resolve(undefined),
    pipeline: { sinks: {} },
  } as unknown as RunParts
  const handedOver = {
    generation: 2,
    place: 'replays/x',
    offsets: undefined,
    forgetsDays: new Map(),
  }
  const wish = {
    partition: 2,
    partitions: 3,
    generation: 2,
    origin: 0,
    logIdentity: undefined,
    signal: new AbortController().signal,
  }
  const regrouped = { generation: 2, partitioner: 'murmur2', partitions: 3 }
  await expect(
    openState(parts, { ...wish, inheritance: { handedOver, settled: [], regrouped } }),
  ).rejects.toThrow(/handed over when partitions were added \(_tidemark\/states\/replays\/x\)/)
  const opened = await openState(parts, {
    ...wish,
    inheritance: { handedOver, settled: [], regrouped: undefined },
  })
  expect(opened).toBe(state)
})
