/** One seed, from its first process to the comparison of all sinks with the oracle. */
import { civilDay } from '../test/support/civil-oracle.ts'
import type { Counts } from './coverage.ts'
import { checkEnd, isBehindOthers, type EndState } from './check-end.ts'
import { Director } from './director.ts'
import { Operator } from './operator.ts'
import { settle } from './settle.ts'
import { openReaders, watchTables } from './table-watch.ts'
import { World } from './world.ts'

/** Faults go on for a moment after the last record. */
const AFTER_MS = 5_000

export interface SeedResult {
  readonly seed: number
  /** Empty: the seed is passed. */
  readonly problems: readonly string[]
  readonly counts: Readonly<Counts>
  /** Of everything that happened, in order. */
  readonly hash: string
  readonly lines: readonly string[]
  readonly simulatedMs: number
  readonly steps: number
}

export async function runSeed(
  seed: number,
  { keepsTrace = false }: { readonly keepsTrace?: boolean } = {},
): Promise<SeedResult> {
  const world = new World(seed, { keepsTrace })
  const problems = await run(world).catch((error: unknown) => [
    `the simulator failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
  ])
  const { violations, coverage, trace, scheduler } = world
  return {
    seed,
    problems: [...violations, ...problems],
    counts: coverage.counts,
    hash: trace.hash,
    lines: trace.lines,
    simulatedMs: scheduler.nowMs,
    steps: scheduler.fired,
  }
}

async function run(world: World): Promise<string[]> {
  const { scheduler, timeline, coverage } = world
  const operator = new Operator(world)
  const director = new Director(world, operator)
  const readers = openReaders(world)
  watchTables(world, readers)
  world.faultsUntilMs = Math.max(world.faultsUntilMs, timeline.endMs + AFTER_MS)
  const calm = (): void => {
    const leftMs = world.faultsUntilMs - scheduler.nowMs
    if (leftMs > 0) scheduler.after(leftMs, calm)
    else director.calm()
  }
  calm()
  await scheduler.run(() => world.faults.isCalm)
  if (!(await settle(world, operator))) return []
  let ends = await endStates(world, operator)
  if (await isBehindOthers(world, readers, ends)) {
    // A new owner takes over what any owner before has closed; one that goes on does not ask.
    coverage.hit("path another owner's ticks taken over")
    if (!(await restartAll(world, operator))) return []
    ends = await endStates(world, operator)
  }
  const problems = await checkEnd(world, readers, ends)
  operator.end()
  return problems
}

async function restartAll(world: World, operator: Operator): Promise<boolean> {
  operator.close()
  await world.scheduler.run(() => operator.members.length === 0)
  operator.open()
  return settle(world, operator)
}

async function endStates(world: World, operator: Operator): Promise<EndState[]> {
  const partitions = [...world.scenario.partitions.keys()]
  return Promise.all(
    partitions.map(async (partition) => {
      const owner = world.coordinator.ownerOf(partition)
      const member = operator.members.find(({ process }) => process.name === owner)
      const head = await member?.machine.peek(partition)
      return {
        partition,
        nextOffset: head?.nextOffset ?? 0,
        closedDay: head?.time.closedDay,
        tickedMs: head?.time.ticked,
        newestDay: civilDay(world.pipeline.time.zone, head?.time.maxEventTime ?? 0),
        milestones: (await member?.machine.milestones(partition)) ?? [],
      }
    }),
  )
}
