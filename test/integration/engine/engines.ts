/** Processes of `tidemark run` on one pipeline, which are killed at random moments of their lives. */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../../bench/random.ts'
import { startCli, type Started } from '../../support/cli-process.ts'
import type { RealWorld } from './real-world.ts'

/** From one death to the next, in start-ups: most of a short life is the start of the run time. */
const LIFE = { min: 0.3, max: 1.5 }
/** On a machine so busy that it takes longer, not every process gets to work. */
const START_UP_MAX_MS = 3_500

export interface Habits {
  /** How often two run at once: [0, 1]. */
  readonly pairs: number
  /** What a life may last longer by, at most. */
  readonly extraMs: number
}

export class Engines {
  readonly #world: RealWorld
  readonly #random: Random
  readonly #habits: Habits
  readonly #running: Started[] = []
  #startUpMs = 0

  constructor(world: RealWorld, random: Random, habits: Habits) {
    this.#world = world
    this.#random = random
    this.#habits = habits
  }

  start(...args: readonly string[]): Started {
    const { directory, file } = this.#world
    const engine = startCli(directory, ['run', '-f', file, ...args])
    this.#running.push(engine)
    return engine
  }

  /** The first process, until its work is seen: how long that takes is the measure of all lives. */
  async startFirst(isSeen: () => boolean): Promise<void> {
    const startedMs = performance.now()
    this.start()
    while (!isSeen()) {
      await this.#checkAlive()
      await sleep(20)
    }
    const ms = performance.now() - startedMs
    this.#startUpMs = Math.min(ms, START_UP_MAX_MS)
    process.stdout.write(`a start-up takes ${Math.round(ms)} ms\n`)
  }

  /** One or two run for a while; then one of them, whichever, dies. */
  async killOne(): Promise<void> {
    const random = this.#random
    const wanted = random.next() < this.#habits.pairs ? 2 : 1
    while (this.#running.length < wanted) this.start()
    const life = LIFE.min + random.next() * (LIFE.max - LIFE.min)
    const lifeMs = life * this.#startUpMs + random.next() * this.#habits.extraMs
    await Promise.race([sleep(lifeMs), ...this.#running.map(({ ended }) => ended)])
    await this.#checkAlive()
    const [victim] = this.#running.splice(random.below(this.#running.length), 1)
    await kill(victim)
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(kill))
  }

  async #checkAlive(): Promise<void> {
    for (const { child, ended } of this.#running) {
      if (child.exitCode !== null) throw new Error(`it stopped by itself: ${(await ended).stderr}`)
    }
  }
}

async function kill(engine: Started | undefined): Promise<void> {
  engine?.child.kill('SIGKILL')
  await engine?.ended
}
