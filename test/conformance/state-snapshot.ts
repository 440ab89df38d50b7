/** What every `PartitionState` promises of its snapshots: the files are the state at one moment, whatever comes after it. */
import { expect, test } from 'vitest'
import type { PartitionState, StateFile, StateSnapshot } from '../../src/engine/ports.ts'
import {
  ADVERSARIAL_ENTITIES,
  type StateUnderTest,
  maintainAll,
  shown,
  stateCommit,
  tile,
} from './state-fixtures.ts'
import { fc } from '../support/properties.ts'

const IDS = ['x', 'y', 'z']

/** Everything that can be read of a state. */
async function everything(state: PartitionState): Promise<unknown> {
  const slots = []
  for (const view of [0, 1])
    for (const slot of [0, 1]) slots.push((await state.scan(view, slot, undefined, 999)).map(shown))
  return {
    head: state.head,
    slots,
    ids: await state.ids(IDS),
    milestones: await state.milestones(),
    dirty: [...(await state.dirtySlots())],
  }
}

export async function* readFiles(
  files: readonly StateFile[],
): AsyncGenerator<{ readonly name: string; readonly bytes: Uint8Array }> {
  for (const file of files) {
    const bytes = await file.read()
    expect(bytes.length).toBe(file.bytes)
    yield { name: file.name, bytes }
  }
}

export function testSnapshots(create: () => Promise<StateUnderTest>): void {
  test('a snapshot put back is the state, with all that the last commit left', async () => {
    const store = await create()
    await using state = await store.open()
    await state.commit(
      stateCommit(9, {
        tiles: [tile('a', 5, 8), { ...tile('b', 5, 7), view: 1, slot: 1 }],
        ids: [{ id: 'x', day: 5 }],
        milestones: [
          {
            day: 4,
            generation: 1,
            offset: 9,
            watermark: 1,
            maxEventTime: 2,
            newestIdDay: 5,
            timestamp: NaN,
          },
        ],
        dirty: new Map([['rows', 3]]),
      }),
    )
    await using snapshot = await state.snapshot()
    expect(snapshot.head).toEqual(state.head)
    await using restored = await store.restored(readFiles(snapshot.files))
    expect(await everything(restored)).toEqual(await everything(state))
    await restored.commit(stateCommit(12, { tiles: [tile('c', 6, 11)] }))
    expect((await restored.scan(0, 0, undefined, 9)).length).toBe(2)
    expect((await state.scan(0, 0, undefined, 9)).length).toBe(1)
  })

  test('later commits and house-keeping are not in a snapshot, whenever its files are read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
        const store = await create()
        await using state = await store.open()
        await state.commit(stateCommit(1))
        const taken: { snapshot: StateSnapshot; seen: unknown }[] = []
        for (const [index, next] of steps.entries()) {
          if (next.kind === 'snapshot') {
            taken.push({ seen: await everything(state), snapshot: await state.snapshot() })
          } else if (next.kind === 'maintain') {
            await maintainAll(state, { settleBefore: next.day, evictBefore: [next.day - 3, 0] })
          } else {
            await state.commit(
              stateCommit(index + 2, {
                tiles: next.entities.map((entity) => tile(entity, next.day, index)),
                ids: [{ id: IDS[index % IDS.length] as string, day: next.day }],
                dirty: new Map([[`slot ${index}`, index]]),
              }),
            )
          }
        }
        for (const { snapshot, seen } of taken) {
          await using restored = await store.restored(readFiles(snapshot.files))
          expect(await everything(restored)).toEqual(seen)
          await snapshot[Symbol.asyncDispose]()
        }
      }),
      { numRuns: 12, verbose: fc.VerbosityLevel.Verbose },
    )
  }, 60_000)

  test('a fixed file has the same bytes whenever its name comes up in one lineage', async () => {
    await using state = await (await create()).open()
    const seen = new Map<string, string>()
    for (let i = 0; i < 8; i += 1) {
      const tiles = Array.from({ length: 50 }, (_, n) => tile(`user:${n * i}`, i, i, 'x'.repeat(n)))
      await state.commit(stateCommit(i + 1, { tiles }))
      await maintainAll(state, { settleBefore: i - 1, limit: 1_000 })
      await using snapshot = await state.snapshot()
      for (const file of snapshot.files.filter(({ isFixed }) => isFixed)) {
        const name = `${snapshot.lineage} ${file.name}`
        const bytes = Buffer.from(await file.read()).toString('base64')
        expect(seen.get(name) ?? bytes).toBe(bytes)
        seen.set(name, bytes)
      }
    }
  })
}

const day = fc.integer({ min: 0, max: 9 })

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      day,
      entities: fc.uniqueArray(fc.constantFrom(...ADVERSARIAL_ENTITIES), { maxLength: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('maintain' as const), day }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot' as const) }) },
)
