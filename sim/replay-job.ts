/**
 * Somebody replays days while the consumer runs: plans, runs, publishes, and now and then takes it back. A publish that
 * has begun is always carried through, since rows of a generation whose tables have not followed are nobody's.
 */
import { formatDay } from '../src/core/day.ts'
import { readRecords } from '../src/engine/hand-over.ts'
import { TidemarkError } from '../src/errors.ts'
import { Pace } from '../src/replay/pace.ts'
import { planReplay } from '../src/replay/plan-replay.ts'
import type { ReplayPlan } from '../src/replay/plan.ts'
import type { PublicationParts } from '../src/replay/publication-port.ts'
import { publishReplay, type PublishOutcome } from '../src/replay/publish.ts'
import { rollBack, type RollbackOutcome } from '../src/replay/rollback.ts'
import { runReplay } from '../src/replay/run.ts'
import { drawAmendments, keepAccepted } from './amend.ts'
import type { Chance } from './chance.ts'
import { Coverage } from './coverage.ts'
import { Machine } from './machine.ts'
import { generationRecords, recordOfGeneration } from './publish.ts'
import { replayKnowledge } from './replay-knowledge.ts'
import { drawRange } from './replay-range.ts'
import { publicationParts, runParts, type ReplayTools } from './replay-parts.ts'
import { textOf, Typist } from './typist.ts'
import type { World } from './world.ts'

/** Where a replay is to begin; `auto`: where it reads least. */
const STARTS = ['auto', 'auto', 'origin', 'milestone', 'checkpoint'] as const

/** In which owners notice a publish, and take its states over. */
const TAKE_OVER_MS = 20_000
/** Of the replays that are planned. */
const AMENDING = 0.4
/** Of those that amend and stay: somebody replays once more upon them. */
const ONCE_MORE = 0.6
/** Of the publishes and rollbacks: those whose publisher stands still once the record is put, for long enough that owners come first. */
const LINGERING = 0.4
const LINGERS_MS = [8_000, 45_000] as const

export class ReplayJob {
  readonly #world: World
  readonly #chance: Chance
  readonly #typist: Typist
  /** Its own states; and whose states it looks at. */
  readonly #disk: Machine
  readonly #live: Machine
  /** Upon one that amends. */
  readonly #isOnceMore: boolean

  constructor(
    world: World,
    chance: Chance,
    { name, isOnceMore = false }: { readonly name: string; readonly isOnceMore?: boolean },
  ) {
    this.#world = world
    this.#chance = chance
    this.#isOnceMore = isOnceMore
    this.#disk = new Machine(name, new Coverage(), new Map())
    this.#typist = new Typist(world, chance, { name, machine: this.#disk })
    this.#live = chance.pick(world.machines)
  }

  /** From its plan to its publish, and now and then back. @returns whether it stands then and amends something */
  async run(): Promise<boolean> {
    const plan = await this.#typist.type('plan', (tools) => this.#plan(tools), {
      evenInCalm: this.#isOnceMore,
    })
    if (plan === undefined) return false
    const ran = await this.#typist.type('run', (tools) => this.#run(tools, plan))
    if (ran === undefined) return false
    await this.#typist.pause(10_000)
    keepFaultsUp(this.#world)
    const published = await this.#typist.type('publish', (tools) => this.#publish(tools, plan))
    if (published === undefined) return false
    const before = recordOfGeneration(this.#world, plan.base)?.amendments.length ?? 0
    const isAmending = plan.record.amendments.length > before
    this.#notePublished(published, { plan, isAmending })
    if (this.#chance.happens(0.5)) return isAmending
    await this.#typist.pause(30_000)
    const back = await this.#typist.type('rollback', (tools) => {
      const options = { stamp: tools.stamp, dryRun: false }
      return rollBack(this.#publication(tools), plan.id, options)
    })
    if (back !== undefined) {
      this.#hit(`rollback: ${back.kind}`)
      this.#noteKept(back)
    }
    return back === undefined && isAmending
  }

  #publish(tools: ReplayTools, { id }: ReplayPlan): Promise<PublishOutcome> {
    const { stamp } = tools
    const options = { stamp, force: false, dryRun: false, gates: () => Promise.resolve([]) }
    return publishReplay(this.#publication(tools), id, options)
  }

  #publication(tools: ReplayTools): PublicationParts {
    const lingersMs = this.#chance.happens(LINGERING) ? this.#chance.between(...LINGERS_MS) : 0
    return publicationParts(tools, { live: this.#live, lingersMs })
  }

  #notePublished(
    published: PublishOutcome,
    { plan, isAmending }: { readonly plan: ReplayPlan; readonly isAmending: boolean },
  ): void {
    this.#hit(`replay ${published.kind}`)
    if (isAmending) this.#hit('published amendments')
    if (this.#isOnceMore) this.#hit('published upon amendments')
    this.#hit(`published by ${plan.handsOver ? 'handing states over' : 'rows alone'}`)
    this.#noteKept(published)
  }

  /** Owners had come into the generation before its tables did. */
  #noteKept(outcome: PublishOutcome | RollbackOutcome): void {
    const tables = 'tables' in outcome ? outcome.tables : []
    if (tables.some(({ kept }) => kept > 0)) this.#hit('swap met what owners had written')
  }

  async #plan(tools: ReplayTools): Promise<ReplayPlan> {
    const records = await readRecords(tools.generations)
    const stored = records.at(-1)
    if (stored === undefined) throw new TidemarkError('USAGE', 'no generation yet')
    const { pipeline } = this.#world
    const mustAmend = this.#world.plan.deaths.has('amended records')
    const isAmending = mustAmend || this.#chance.happens(AMENDING)
    const amendments = isAmending ? await drawAmendments(this.#world, this.#chance, stored) : []
    await keepAccepted(tools, stored, amendments)
    const onlyRange = amendments.length === 0 && this.#chance.happens(0.5)
    const range = drawRange(this.#world, this.#chance, { isShort: onlyRange })
    const reaches = amendments.length > 0 && this.#chance.happens(0.8)
    const { plan } = planReplay(
      {
        id: `${this.#typist.name}-${this.#typist.commands}`,
        text: `--days ${formatDay(range.first)}..`,
        range: reaches ? undefined : { kind: 'days', range },
        views: undefined,
        onlyRange,
        start: startOf(this.#chance.pick(STARTS)),
        allowIncomplete: false,
        amendments,
        audit: tools.stamp,
      },
      {
        pipeline,
        stored,
        zoneData: 'simulated',
        source: { kind: 'log' },
        partitions: await replayKnowledge(tools, records),
      },
    )
    await tools.replays.create(plan)
    for (const { start } of plan.partitions) this.#hit(`replay from ${start.kind}`)
    for (const { kind } of amendments) this.#hit(`replay that amends: ${kind}`)
    return plan
  }

  async #run(tools: ReplayTools, plan: ReplayPlan): Promise<true | undefined> {
    const { replays, stamp, place } = tools
    const parts = await runParts(tools, plan, this.#disk)
    const result = await runReplay(parts, {
      parallel: this.#chance.integer(1, 2),
      pace: new Pace(place.process.clock, { zone: 'UTC' }),
      signal: new AbortController().signal,
    })
    if (result === undefined) return undefined
    await replays.putResult(plan.id, result)
    await replays.audit(plan.id, { ...stamp, did: 'run', details: {} })
    return true
  }

  #hit(path: string): void {
    this.#world.coverage.hit(`path ${path}`)
  }
}

function startOf(wish: (typeof STARTS)[number]): Exclude<typeof wish, 'auto'> | undefined {
  return wish === 'auto' ? undefined : wish
}

/** Faults go on until owners have come into the next generation. */
function keepFaultsUp(world: World): void {
  const { scheduler, faults } = world
  if (faults.isCalm) return
  world.faultsUntilMs = Math.max(world.faultsUntilMs, scheduler.nowMs + TAKE_OVER_MS)
}

async function replayOnceOrTwice(world: World, chance: Chance, name: string): Promise<void> {
  const isAmending = await new ReplayJob(world, chance, { name }).run()
  if (!isAmending || !chance.happens(ONCE_MORE)) return
  keepFaultsUp(world)
  await world.scheduler.sleep(chance.scaled(10, 10_000))
  const again = { name: `${name}b`, isOnceMore: true }
  await new ReplayJob(world, chance.fork('once more'), again).run()
}

/** Somebody begins a replay now. */
export function startReplay(world: World, chance: Chance): void {
  if (generationRecords(world).length === 0) return
  const name = `replay${world.scheduler.fired}`
  world.fault('replay', 'operator', name)
  world.replays.add(name)
  replayOnceOrTwice(world, chance.fork(name), name)
    .catch((error: unknown) => world.violation(`${name}: ${textOf(error)}`))
    .finally(() => world.replays.delete(name))
}
