/**
 * Somebody replays days while the consumer runs: plans, runs, publishes, and now and then takes it back. Each step is a command that
 * may die or sleep at any effect and is typed again, also while the one before it still sleeps; a publish that has begun is always
 * carried through, since rows of a generation whose tables have not followed are nobody's.
 */
import { formatDay } from '../src/core/day.ts'
import type { DayRange } from '../src/replay/plan.ts'
import { OPEN_DAY } from '../src/replay/plan.ts'
import { readRecords } from '../src/engine/hand-over.ts'
import { TidemarkError, type ErrorCode } from '../src/errors.ts'
import { Pace } from '../src/replay/pace.ts'
import { planReplay } from '../src/replay/plan-replay.ts'
import type { ReplayPlan } from '../src/replay/plan.ts'
import { publishReplay } from '../src/replay/publish.ts'
import { rollBack } from '../src/replay/rollback.ts'
import { runReplay } from '../src/replay/run.ts'
import { civilDay } from '../test/support/civil-oracle.ts'
import { drawAmendments, keepAccepted } from './amend.ts'
import type { Chance } from './chance.ts'
import { Command, type CommandEnd } from './command.ts'
import { Coverage } from './coverage.ts'
import { Machine } from './machine.ts'
import { generationRecords, recordOfGeneration } from './publish.ts'
import { replayKnowledge } from './replay-knowledge.ts'
import { publicationParts, replayTools, runParts, type ReplayTools } from './replay-parts.ts'
import type { World } from './world.ts'

/** What a command may fail with because of the world, and be typed again. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'TABLE_UNAVAILABLE',
  'TABLE_REFUSED',
  'CHECKPOINT_UNAVAILABLE',
  'CHECKPOINT_REFUSED',
  'CHECKPOINT_DAMAGED',
  'STATE_WRITE_FAILED',
  'STATE_LOCKED',
  'SOURCE_UNAVAILABLE',
])
/** What a command may say no with. */
const REFUSING: ReadonlySet<ErrorCode> = new Set(['REPLAY_REFUSED', 'USAGE'])

/** A step that is not done by then, without faults, never will be. */
const CALM_ATTEMPTS_MAX = 60
/** Who asks for days that cannot be replayed asks for others; who waits for owners to take a generation over gives up. */
const REFUSALS_MAX = 6

/** Where a replay is to begin; `auto`: where it reads least. */
const STARTS = ['auto', 'auto', 'origin', 'milestone', 'checkpoint'] as const

/** In which owners notice a publish, and take its states over. */
const TAKE_OVER_MS = 20_000
/** Of the replays that are planned. */
const AMENDING = 0.4

type Step = 'plan' | 'run' | 'publish' | 'rollback'

export class ReplayJob {
  readonly #world: World
  readonly #chance: Chance
  readonly #name: string
  /** Its own states; and whose states it looks at. */
  readonly #disk: Machine
  readonly #live: Machine
  #commands = 0

  constructor(world: World, chance: Chance, name: string) {
    this.#world = world
    this.#chance = chance
    this.#name = name
    this.#disk = new Machine(name, new Coverage(), new Map())
    this.#live = chance.pick(world.machines)
  }

  async run(): Promise<void> {
    const plan = await this.#step('plan', (tools) => this.#plan(tools))
    if (plan === undefined) return
    const { id } = plan
    const ran = await this.#step('run', (tools) => this.#run(tools, plan))
    if (ran === undefined) return
    await this.#pause(10_000)
    this.#keepFaultsUp()
    const published = await this.#step('publish', async (tools) => {
      const { stamp } = tools
      const parts = publicationParts(tools, this.#live)
      const options = { stamp, force: false, dryRun: false, gates: () => Promise.resolve([]) }
      return publishReplay(parts, id, options)
    })
    if (published === undefined) return
    this.#hit(`replay ${published.kind}`)
    const before = recordOfGeneration(this.#world, plan.base)?.amendments.length ?? 0
    if (plan.record.amendments.length > before) this.#hit('published amendments')
    this.#hit(`published by ${plan.handsOver ? 'handing states over' : 'rows alone'}`)
    if (this.#chance.happens(0.5)) return
    await this.#pause(30_000)
    const back = await this.#step('rollback', (tools) =>
      rollBack(publicationParts(tools, this.#live), id, { stamp: tools.stamp, dryRun: false }),
    )
    if (back !== undefined) this.#hit(`rollback: ${back.kind}`)
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
    const range = this.#range({ isShort: onlyRange })
    const reaches = amendments.length > 0 && this.#chance.happens(0.8)
    const { plan } = planReplay(
      {
        id: `${this.#name}-${this.#commands}`,
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

  /** Days in which there are events. */
  #range({ isShort }: { readonly isShort: boolean }): DayRange {
    const { log, pipeline } = this.#world
    const days = Array.from({ length: log.partitions }, (_, partition) => log.records(partition))
      .flat()
      .filter(({ timestamp }) => !Number.isNaN(timestamp))
      .map(({ timestamp }) => civilDay(pipeline.time.zone, timestamp))
    if (days.length === 0) return { first: 0, last: OPEN_DAY }
    // What is long past is final, so that rows alone can be published.
    const oldest = Math.min(this.#chance.pick(days), this.#chance.pick(days))
    const first = (isShort ? oldest : this.#chance.pick(days)) - this.#chance.integer(0, 3)
    const length = isShort ? this.#chance.integer(0, 2) : this.#chance.pick([3, 20, Infinity])
    return { first, last: Math.min(OPEN_DAY, first + length) }
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

  /** Undefined: it was given up. */
  async #step<T>(
    step: Step,
    act: (tools: ReplayTools) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { faults } = this.#world
    let refusals = 0
    let calmAttempts = 0
    for (let attempt = 0; calmAttempts < CALM_ATTEMPTS_MAX; attempt += 1) {
      if (faults.isCalm) {
        if (step === 'plan') return undefined
        calmAttempts += 1
      }
      const end = await this.#attempt(step, act)
      if (end.kind === 'done') return end.value
      if (attempt > 0 || end.kind === 'killed') this.#hit(`replay ${step} again`)
      if (end.kind === 'failed') {
        const { error } = end
        const code = error instanceof TidemarkError ? error.code : undefined
        if (code !== undefined && REFUSING.has(code)) {
          refusals += 1
          this.#hit(`replay ${step} refused`)
          const isPatient = step !== 'publish' && step !== 'run' && refusals < REFUSALS_MAX
          if (!isPatient) return undefined
        } else if (code === undefined || !PASSING.has(code)) {
          this.#world.violation(`${step} of ${this.#name} ended with ${textOf(error)}`)
          return undefined
        }
      }
      // Who died with a publish half done may not be missed for long.
      await this.#pause(step === 'publish' || step === 'rollback' ? 60_000 : 4_000)
    }
    this.#world.violation(`${step} of ${this.#name} never ends`)
    return undefined
  }

  /** One command; while it sleeps somebody may lose patience, and type it again. */
  async #attempt<T>(
    step: Step,
    act: (tools: ReplayTools) => Promise<T | undefined>,
  ): Promise<CommandEnd<T | undefined>> {
    const world = this.#world
    this.#commands += 1
    const command = new Command(
      world,
      { name: `${this.#name}.${step}${this.#commands}`, machine: this.#disk },
      (place) => act(replayTools(world, place)),
    )
    if (!world.faults.isCalm && this.#chance.happens(0.15)) {
      const ms = this.#chance.scaled(100, 60_000)
      world.scheduler.after(this.#chance.scaled(1, 2_000), () => {
        if (world.faults.isCalm || command.process.isDead) return
        command.process.stop()
        world.trace.note(command.process.name, `*** sleeps for ${Math.round(ms)} ms`)
        this.#hit('replay command asleep')
        world.scheduler.after(ms, () => command.process.resume(0))
      })
      const patience = this.#pause(20_000).then(() => 'impatient' as const)
      const first = await Promise.race([command.ended, patience])
      if (first !== 'impatient') return first
      if (command.process.status === 'stopped') return { kind: 'killed' }
    }
    return command.ended
  }

  #pause(maxMs: number): Promise<void> {
    const { scheduler, faults } = this.#world
    return scheduler.sleep(faults.isCalm ? 2_000 : this.#chance.scaled(10, maxMs))
  }

  /** Faults go on until owners have come into the next generation. */
  #keepFaultsUp(): void {
    const { scheduler, faults } = this.#world
    if (faults.isCalm) return
    const untilMs = scheduler.nowMs + TAKE_OVER_MS
    this.#world.faultsUntilMs = Math.max(this.#world.faultsUntilMs, untilMs)
  }

  #hit(path: string): void {
    this.#world.coverage.hit(`path ${path}`)
  }
}

function startOf(wish: (typeof STARTS)[number]): Exclude<typeof wish, 'auto'> | undefined {
  return wish === 'auto' ? undefined : wish
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Somebody begins a replay now. */
export function startReplay(world: World, chance: Chance): void {
  if (generationRecords(world).length === 0) return
  const name = `replay${world.scheduler.fired}`
  world.fault('replay', 'operator', name)
  world.replays.add(name)
  const job = new ReplayJob(world, chance.fork(name), name)
  job
    .run()
    .catch((error: unknown) => world.violation(`${name}: ${textOf(error)}`))
    .finally(() => world.replays.delete(name))
}
