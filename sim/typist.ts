/**
 * Somebody who types commands, and types each again until it is done: they die, fail, are refused, or sleep for so long that patience
 * ends and a second one is at work beside the first.
 */
import { TidemarkError, type ErrorCode } from '../src/errors.ts'
import type { Chance } from './chance.ts'
import { Command, type CommandEnd } from './command.ts'
import type { Machine } from './machine.ts'
import { replayTools, type ReplayTools } from './replay-parts.ts'
import type { World } from './world.ts'

/** What a command may fail with because of the world, and be typed again. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'TABLE_UNAVAILABLE',
  'TABLE_REFUSED',
  'CHECKPOINT_UNAVAILABLE',
  'CHECKPOINT_REFUSED',
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

export type Step = 'plan' | 'run' | 'publish' | 'rollback'

export class Typist {
  readonly name: string
  readonly #world: World
  readonly #chance: Chance
  readonly #machine: Machine
  #commands = 0

  constructor(
    world: World,
    chance: Chance,
    { name, machine }: { readonly name: string; readonly machine: Machine },
  ) {
    this.name = name
    this.#world = world
    this.#chance = chance
    this.#machine = machine
  }

  /** Typed so far. */
  get commands(): number {
    return this.#commands
  }

  /** @param how `evenInCalm`: also once faults are over. @returns undefined: it was given up */
  async type<T>(
    step: Step,
    act: (tools: ReplayTools) => Promise<T | undefined>,
    { evenInCalm }: { readonly evenInCalm: boolean } = { evenInCalm: true },
  ): Promise<T | undefined> {
    const { faults } = this.#world
    let refusals = 0
    let calmAttempts = 0
    for (let attempt = 0; calmAttempts < CALM_ATTEMPTS_MAX; attempt += 1) {
      if (faults.isCalm) {
        if (!evenInCalm) return undefined
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
          this.#world.violation(`${step} of ${this.name} ended with ${textOf(error)}`)
          return undefined
        }
      }
      // Who died with a publish half done may not be missed for long.
      await this.pause(step === 'publish' || step === 'rollback' ? 60_000 : 4_000)
    }
    this.#world.violation(`${step} of ${this.name} never ends`)
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
      { name: `${this.name}.${step}${this.#commands}`, machine: this.#machine },
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
      const patience = this.pause(20_000).then(() => 'impatient' as const)
      const first = await Promise.race([command.ended, patience])
      if (first !== 'impatient') return first
      if (command.process.status === 'stopped') return { kind: 'killed' }
    }
    return command.ended
  }

  pause(maxMs: number): Promise<void> {
    const { scheduler, faults } = this.#world
    return scheduler.sleep(faults.isCalm ? 2_000 : this.#chance.scaled(10, maxMs))
  }

  #hit(path: string): void {
    this.#world.coverage.hit(`path ${path}`)
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
