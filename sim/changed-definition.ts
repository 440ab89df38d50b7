/** A process that starts with a pipeline file that means something else: it must refuse, and change nothing. */
import type { Pipeline } from '../src/core/definition.ts'
import { TidemarkError } from '../src/errors.ts'
import type { Chance } from './chance.ts'
import type { Operator } from './operator.ts'
import type { World } from './world.ts'

export function tryChangedDefinition(world: World, operator: Operator, chance: Chance): void {
  const hasGeneration = [...world.tables.contents.keys()].some((path) =>
    path.startsWith('_tidemark/generations/'),
  )
  if (!hasGeneration) return
  world.fault('definition changed', 'operator')
  const machine = chance.integer(0, world.machines.length - 1)
  const member = operator.startExtra(machine, changed(world.pipeline, chance), (end) => {
    if (end.kind !== 'failed') return
    const { error } = end
    const code = error instanceof TidemarkError ? error.code : undefined
    if (code === 'DEFINITION_CHANGED') world.coverage.hit('path changed definition refused')
    else if (
      code !== 'TABLE_UNAVAILABLE' &&
      code !== 'SOURCE_UNAVAILABLE' &&
      code !== 'TABLE_REFUSED'
    )
      world.violation(`a changed definition was refused with ${String(error)}`)
  })
  world.watchForWrites(member.process.name)
  world.scheduler.after(60_000, () => {
    const { name } = member.process
    // One whose first question is still without an answer has not come so far.
    if (world.coordinator.isMember(name)) world.violation(`${name} runs with a changed definition`)
    member.process.kill()
  })
}

function changed(pipeline: Pipeline, chance: Chance): Pipeline {
  const { time, views } = pipeline
  const [first, ...others] = views
  if (first === undefined) throw new Error('a pipeline has views')
  return chance.pick<Pipeline>([
    { ...pipeline, time: { ...time, outOfOrdernessMs: time.outOfOrdernessMs + 60_000 } },
    { ...pipeline, time: { ...time, allowedLatenessMs: time.allowedLatenessMs + 3_600_000 } },
    {
      ...pipeline,
      views: [{ ...first, hash: `${first.hash}x`, windows: [...first.windows, 30] }, ...others],
    },
    { ...pipeline, views: others.length > 0 ? others : [{ ...first, version: first.version + 1 }] },
  ])
}
