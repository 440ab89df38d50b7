/** Decides what becomes of each call of a process, while there are faults: once the world is calm every call arrives and is answered. */
import type { Chance } from './chance.ts'
import type { Effect, Fate, Place } from './effect.ts'
import type { Plan } from './plan.ts'

export class Faults {
  /** No more faults from now on. */
  isCalm = false
  readonly #plan: Plan
  readonly #chance: Chance
  #deathsLeft: number
  /** Places that cannot be reached, or refuse for good, until an operator mends them. */
  readonly #away = new Map<Place, { readonly isPermanent: boolean }>()

  constructor(plan: Plan, chance: Chance) {
    this.#plan = plan
    this.#chance = chance
    this.#deathsLeft = plan.deathsMax
  }

  setAway(place: Place, { isPermanent }: { readonly isPermanent: boolean }): void {
    this.#away.set(place, { isPermanent })
  }

  mend(place: Place): void {
    this.#away.delete(place)
  }

  isAway(place: Place): boolean {
    return this.#away.has(place)
  }

  calm(): void {
    this.isCalm = true
    this.#away.clear()
  }

  decide(effect: Effect): Fate {
    const chance = this.#chance
    const part = chance.fraction()
    const outMs = this.#latency(effect, true)
    const backMs = this.#latency(effect, false)
    const fate = { outMs, backMs, part, death: undefined, failure: undefined, isPermanent: false }
    if (this.isCalm) return fate
    const away = this.#away.get(effect.place)
    if (away !== undefined && isRefused(effect, away.isPermanent)) {
      const when = away.isPermanent ? 'before' : chance.pick(['before', 'before', 'after'] as const)
      return { ...fate, failure: when, isPermanent: away.isPermanent }
    }
    if (effect.isDurable && this.#deathsLeft > 0) {
      const probability = this.#plan.deaths.get(effect.name) ?? 0
      if (probability > 0 && chance.happens(probability)) {
        this.#deathsLeft -= 1
        return { ...fate, death: chance.pick(whensOf(effect)) }
      }
    }
    if (failsAtTimes(effect.place) && chance.happens(this.#plan.failures))
      return { ...fate, failure: chance.pick(effect.isDurable ? whensOf(effect) : ['before']) }
    return fate
  }

  #latency({ place, isDurable }: Effect, isOut: boolean): number {
    const { latencyMs, slow, late } = this.#plan
    const chance = this.#chance
    // Most answers to a question come at once: what is long known when it arrives is seldom the point.
    if (!isDurable && !isOut && chance.happens(0.75)) return 0
    const usual = latencyMs * chance.between(0.5, 1.5) * (place === 'disk' ? 0.2 : 1)
    if (this.isCalm || place === 'disk') return usual
    // The group's own requests are bounded by its session.
    if (place !== 'group' && isOut && chance.happens(late)) return chance.scaled(5_000, 90_000)
    return chance.happens(slow) ? usual + chance.scaled(50, 6_000) : usual
  }
}

/** Writing many values, or a file, can stop in the middle. */
function whensOf({ name }: Effect): ('before' | 'within' | 'after')[] {
  return name === 'online write' || name === 'reject write'
    ? ['before', 'within', 'within', 'after']
    : ['before', 'after']
}

/** A disk that fails once stops the process: that is an event of its own, not chance per call. */
function failsAtTimes(place: Place): boolean {
  return place === 'online' || place === 'tables' || place === 'checkpoints' || place === 'group'
}

/** A full disk can still be read. */
function isRefused(effect: Effect, isPermanent: boolean): boolean {
  return isPermanent ? effect.isDurable : true
}
