/** An online store that is filled from the states holds what the oracle says, whatever it had lost, and whatever an owner did meanwhile. */
import { expect } from 'vitest'
import type { GenerationRecord } from '../../src/core/generation.ts'
import { rebuildOnline } from '../../src/engine/rebuild-online.ts'
import type { RebuildProgress } from '../../src/engine/rebuild-online.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { World } from '../support/engine-run.ts'
import { recompute } from '../support/oracle.ts'
import { pipelineText, scenarios } from '../support/random-log.ts'
import type { Scenario } from '../support/random-log.ts'
import { resolveText } from '../support/resolve-text.ts'
import { SILENT } from '../support/silent-log.ts'
import { fc, test } from '../support/properties.ts'

/** Much more than it takes: other tests share the processors. */
const TIMEOUT_MS = 60_000

function worldOf(scenario: Scenario, tenths = 10): World {
  const pipeline = resolveText(pipelineText(scenario), '/random')
  const parts = scenario.partitions.map((part) => ({
    ...part,
    records: part.records.slice(0, Math.ceil((part.records.length * tenths) / 10)),
  }))
  return new World({ ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }, parts)
}

async function rebuild(
  world: World,
  disks = world.disks,
  onProgress?: (progress: RebuildProgress) => void,
): Promise<RebuildProgress[]> {
  const [stored] = await world.generations.list()
  const rebuilt: RebuildProgress[] = []
  for (const disk of disks) {
    const state = await MemoryPartitionState.open(disk)
    if (state.head === undefined) continue
    const progress = await rebuildOnline({
      pipeline: world.pipeline,
      record: JSON.parse(stored?.record ?? '') as GenerationRecord,
      regrouped: undefined,
      head: state.head,
      state,
      store: world.online,
      clock: world.clock,
      log: SILENT,
      run: 'rebuild',
      signal: new AbortController().signal,
      valuesPerSecond: 1_000,
      ...(onProgress && { onProgress }),
    })
    rebuilt.push(progress)
  }
  return rebuilt
}

async function differences(world: World, scenario: Scenario): Promise<string> {
  const found = sinkDifferences(recompute(world.pipeline, scenario.partitions), await world.sinks())
  return found.slice(0, 12).join('\n')
}

test.prop([scenarios({ recordsMax: 40 })], { numRuns: 12 })(
  'everything was lost: the states say it all, and a run that follows has nothing to tell',
  async (scenario) => {
    const world = worldOf(scenario)
    await world.run()
    world.online.flush()
    await rebuild(world)
    expect(await differences(world, scenario)).toBe('')
    const again = await rebuild(world)
    expect(again.every(({ written }) => written === 0)).toBe(true)
    const markers = await Promise.all(world.disks.map((_, at) => world.online.marker(at)))
    await world.run()
    expect(await Promise.all(world.disks.map((_, at) => world.online.marker(at)))).toEqual(markers)
    expect(await differences(world, scenario)).toBe('')
  },
  TIMEOUT_MS,
)

test.prop([scenarios({ recordsMax: 40 }), fc.integer({ min: 1, max: 9 })], { numRuns: 12 })(
  'from states that their owners have left behind: nothing newer is overwritten, and what was lost comes back with the next scan',
  async (scenario, tenths) => {
    const world = worldOf(scenario, tenths)
    await world.run()
    const old = world.disks.map((disk) => copyOf(disk))
    world.change(world.pipeline, scenario.partitions)
    await world.run()
    await rebuild(world, old)
    expect(await differences(world, scenario)).toBe('')
    world.online.flush()
    await rebuild(world, old)
    await world.run()
    // An entity that only the old state still had is emptied by the scan, at the position of the scan: nothing up to there may come back.
    const left = (await differences(world, scenario)).split('\n')
    expect(left.filter((line) => !line.includes('offset of _version')).join('\n')).toBe('')
  },
  TIMEOUT_MS,
)

function copyOf(disk: MemoryDisk): MemoryDisk {
  return Object.assign(new MemoryDisk(), structuredClone(Object.fromEntries(Object.entries(disk))))
}
