/** Random commits, house-keeping and restarts against the obvious state of `state-model.ts`. */
import { test } from 'vitest'
import { ADVERSARIAL_ENTITIES, type StateUnderTest, stateCommit } from './state-fixtures.ts'
import { StateModel } from './state-model.ts'
import { fc } from '../support/properties.ts'

export function testAgainstModel(create: () => Promise<StateUnderTest>): void {
  test('random commits, house-keeping and restarts read as a plain map of tiles does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const store = await create()
        const model = new StateModel()
        let state = await store.open()
        try {
          for (const [index, next] of steps.entries()) {
            if (next.kind === 'reopen') {
              await state[Symbol.asyncDispose]()
              state = await store.open()
            } else if (next.kind === 'maintain') {
              model.advance(next.days)
              for (let i = 0; i < next.calls; i += 1) await state.maintain(model.bounds(next.limit))
            } else {
              const offset = index * 100
              const writes = next.tiles.map((write, i) =>
                model.place({ ...write, offset: offset + i }),
              )
              model.write(writes)
              await state.commit(stateCommit(offset + 100, { tiles: writes }))
            }
            await model.check(state)
          }
        } finally {
          await state[Symbol.asyncDispose]()
        }
      }),
      { numRuns: 25, verbose: fc.VerbosityLevel.Verbose },
    )
  }, 60_000)
}

const write = fc.record({
  view: fc.integer({ min: 0, max: 1 }),
  slot: fc.constantFrom(0, 1, 65_535),
  entity: fc.constantFrom(...ADVERSARIAL_ENTITIES),
  /** Days before the newest. */
  age: fc.integer({ min: 0, max: 9 }),
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      tiles: fc.array(write, { maxLength: 30 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('maintain' as const),
      days: fc.integer({ min: 0, max: 2 }),
      calls: fc.integer({ min: 1, max: 6 }),
      limit: fc.constantFrom(1, 2, 5, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)
