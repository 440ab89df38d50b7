/** The pipeline and the log of a seed: random ones of the property tests, under policies that make much happen in a minute. */
import fc from 'fast-check'
import type { Pipeline } from '../src/core/definition.ts'
import { pipelineText, scenarios, type Scenario } from '../test/support/random-log.ts'
import { resolveText } from '../test/support/resolve-text.ts'
import type { Chance } from './chance.ts'
import { wantsCheckpoints, type Plan } from './plan.ts'

const FOR_EVER_MS = 4_000 * 86_400_000

/** Most bugs need few records; some need a log that goes on for long. */
const LOGS = [15, 15, 25, 40, 70].map((recordsMax) => scenarios({ recordsMax }))

export function drawScenario(seed: number, chance: Chance): Scenario {
  const [scenario] = fc.sample(chance.pick(LOGS), { seed, numRuns: 1 })
  if (scenario === undefined) throw new Error('a sample of one')
  return scenario
}

export function pipelineFor(scenario: Scenario, plan: Plan, chance: Chance): Pipeline {
  const isForced = wantsCheckpoints(plan)
  const pipeline = resolveText(pipelineText(scenario), '/simulated')
  const { offline } = pipeline.sinks
  return {
    ...pipeline,
    time: {
      ...pipeline.time,
      idleAfterMs: chance.pick([2_000, 10_000, 40_000]),
      tickHistorical: chance.happens(0.3),
    },
    // Expiry is not content.
    views: pipeline.views.map((view) => ({ ...view, ttlMs: FOR_EVER_MS })),
    sinks: {
      ...pipeline.sinks,
      ...(offline && {
        offline: { ...offline, correctionsEveryMs: chance.pick([2_000, 8_000, 30_000]) },
      }),
    },
    rejects: { ...pipeline.rejects, limit: 1 },
    ...((chance.happens(0.3) || isForced) && {
      checkpoints: {
        location: { kind: 'directory', directory: '/checkpoints' },
        everyMs: isForced ? 2_000 : chance.pick([3_000, 15_000]),
        keep: isForced ? 1 : chance.integer(1, 3),
        keepForMs: isForced ? 0 : chance.pick([0, 3_600_000]),
      },
    }),
    commit: {
      ...pipeline.commit,
      intervalMs: chance.pick([100, 500, 2_000]),
      catchUpIntervalMs: chance.pick([500, 3_000]),
    },
    memory: {
      ...pipeline.memory,
      pendingEntitiesMax: chance.pick([1, 3, 200_000]),
      tableRowsMax: chance.pick([1, 10, 500_000]),
    },
  }
}
