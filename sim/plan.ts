/**
 * What may go wrong in a seed. Each seed has its own mixture (most kinds are absent from most seeds): a world in which all goes
 * wrong all the time hides what a single fault at a quiet moment would show.
 */
import type { Chance } from './chance.ts'
import { CONSUMER_EFFECTS, REPLAY_EFFECTS } from './effect.ts'

/** Things that happen to machines, processes and stores at random times. */
export const EVENTS = [
  'kill',
  'burst of kills',
  'stop and resume',
  'suspend and resume',
  'replace a stopped process',
  'graceful stop',
  'join',
  'deaf to its group',
  'disk lost',
  'online flushed',
  'online restarted empty',
  'online rolled back',
  'online loses its last write',
  'online away',
  'online refuses',
  'tables away',
  'tables refuse',
  'rejects unwritable',
  'disk full',
  'wall clock shifted',
  'store clock shifted',
  'monotonic jump',
  'definition changed',
  'generation published',
  'replay',
  'rival commits',
  'checkpoints away',
  'checkpoints refuse',
  'checkpoint damaged',
] as const

export type EventKind = (typeof EVENTS)[number]

export interface Plan {
  /** Machine of each seat; a seat is where a member of the group runs. */
  readonly seats: readonly number[]
  /** Events of each kind in the seed, at random times. */
  readonly events: Readonly<Partial<Record<EventKind, number>>>
  /** Probability of a death per call of an effect. */
  readonly deaths: ReadonlyMap<string, number>
  readonly deathsMax: number
  /** Probability of a transient failure per call. */
  readonly failures: number
  /** Probability of a call that takes up to seconds, and of one that arrives up to minutes later. */
  readonly slow: number
  readonly late: number
  /** Most calls take about this long, each way. */
  readonly latencyMs: number
  readonly fetchMax: number
  readonly sessionMs: number
  readonly heartbeatMs: number
  /** The log's unit: records, or bytes. */
  readonly lagUnit: number
  /** Longest silences of the log. */
  readonly gaps: readonly number[]
  readonly pauseMaxMs: number
}

export function drawPlan(chance: Chance): Plan {
  const members = chance.pick([1, 1, 2, 2, 3, 4])
  const machines = Math.min(members, chance.pick([1, 2, 3, 4, 4]))
  const seats = Array.from({ length: members }, (_, seat) => seat % machines)
  const deaths = drawDeaths(chance)
  return {
    seats,
    events: { ...drawEvents(chance, members), ...eventsFor(deaths) },
    deaths,
    deathsMax:
      deaths.size === 0 ? 0 : chance.pick(deaths.has('kept state') ? [8, 12] : [1, 2, 4, 8]),
    failures: chance.pick([0, 0, 0, 0.01, 0.03, 0.1]),
    slow: chance.pick([0, 0, 0.01, 0.1]),
    late: chance.pick([0, 0, 0, 0.01, 0.05]),
    latencyMs: chance.pick([0.2, 1, 5, 20]),
    fetchMax: chance.pick([1, 3, 10, 40]),
    sessionMs: chance.pick([7_000, 15_000]),
    heartbeatMs: 3_000,
    lagUnit: chance.pick([1, 1, 1, 400_000]),
    gaps: Array.from({ length: chance.pick([0, 0, 1, 1, 2]) }, () => chance.scaled(8_000, 80_000)),
    pauseMaxMs: chance.pick([5_000, 40_000, 150_000]),
  }
}

/** Of a replay's effects those that come last. */
const SELDOM = [
  'amended records',
  'kept state',
  'swap copy',
  'published generation',
  'swap transaction',
] as const

/** Of a consumer's effects those that come once in a while: whoever is to die at them does so the first time, nearly. */
const RARE = ['table checkpoint', 'table pointer', 'table delete', 'state restore'] as const

function drawDeaths(chance: Chance): Map<string, number> {
  const deaths = new Map<string, number>()
  if (chance.happens(0.3)) return deaths
  const isReplayed = chance.happens(0.17)
  const favourites = isReplayed
    ? chance.shuffled(REPLAY_EFFECTS).slice(0, chance.integer(3, 6))
    : chance.shuffled(CONSUMER_EFFECTS).slice(0, chance.integer(2, 6))
  // What a replay does it does once.
  const odds = isReplayed ? [0.3, 0.7] : [0.03, 0.2, 0.6]
  for (const name of favourites) deaths.set(name, chance.pick(odds))
  for (const name of RARE) if (deaths.has(name)) deaths.set(name, 0.8)
  if (isReplayed) for (const name of chance.shuffled(SELDOM).slice(0, 2)) deaths.set(name, 0.8)
  return deaths
}

/** Some effects are so rare that a death at them needs help. */
function eventsFor(deaths: ReadonlyMap<string, number>): Partial<Record<EventKind, number>> {
  return {
    ...((deaths.has('table checkpoint') || deaths.has('table pointer')) && { 'rival commits': 6 }),
    ...(REPLAY_EFFECTS.some((name) => deaths.has(name)) && { replay: 2 }),
    ...(deaths.has('state restore') && { 'disk lost': 3 }),
  }
}

/** Checkpoints are to be written, and given up, often. */
export function wantsCheckpoints({ deaths, events }: Plan): boolean {
  const named = [...deaths.keys()].some((name) => /^(checkpoint|state restore)/.test(name))
  return named || Object.keys(events).some((kind) => kind.startsWith('checkpoint'))
}

function drawEvents(chance: Chance, members: number): Partial<Record<EventKind, number>> {
  const events: Partial<Record<EventKind, number>> = {}
  const kinds = chance.shuffled(EVENTS).slice(0, chance.pick([0, 1, 2, 3, 5, 8]))
  // A replay is as much work as all the rest of a seed.
  for (const kind of kinds) events[kind] = kind === 'replay' ? 1 : chance.integer(1, 3)
  // Members that never come and go would be four times the same run.
  if (members > 1 && chance.happens(0.5)) events['stop and resume'] ??= chance.integer(1, 3)
  return events
}
