/**
 * What a storm will do, from its seed alone: stages of a few rounds each (a pipeline, its processes, an end at which all sinks are
 * compared), and the faults of each round. Every kind comes once before any comes twice, as far as the rounds have room.
 */
import { createRandom, type Random } from '../bench/random.ts'
import { KINDS, type Area, type KindName } from './kinds.ts'

/** After so many rounds the sinks are compared, and another pipeline begins: the oracle's work grows with the square of the log. */
const ROUNDS_OF_STAGE_MAX = 10
const FAULTS_OF_ROUND_MAX = 3
/** The first ones, which every storm has; the others by chance. */
const STAGES_WITH_CHECKPOINTS = 2
/** How far apart the faults of a round begin. */
const BEGINS_MS = 1_000

export interface StormPlan {
  readonly seed: number
  readonly kinds: readonly KindName[]
  readonly stages: readonly StagePlan[]
}

export interface StagePlan {
  readonly number: number
  readonly seed: number
  readonly partitions: number
  /** How many processes it begins with. */
  readonly members: number
  /** Whether each process has a disk of its own, or all one directory. */
  readonly disks: 'own' | 'shared'
  readonly checkpoints: boolean
  /** How the last records are waited for: members that go on, or one process of `run --until-end`. */
  readonly end: 'live' | 'until end'
  readonly rounds: readonly RoundPlan[]
}

export interface RoundPlan {
  readonly number: number
  readonly faults: readonly FaultPlan[]
}

export interface FaultPlan {
  readonly kind: KindName
  readonly beginsMs: number
  readonly lastsMs: number
  /** Of the fault's own choices: the victim, the direction. */
  readonly seed: number
}

export interface StormOptions {
  readonly rounds: number
  readonly seed: number
  readonly kinds: readonly KindName[]
  readonly checkpoints?: boolean
}

export function planStorm({ rounds, seed, kinds, checkpoints = true }: StormOptions): StormPlan {
  const random = createRandom(seed)
  const perRound = dealKinds(rounds, kinds, random).map((dealt, i): RoundPlan => {
    const faults = dealt.map((kind) => planFault(kind, random))
    return { number: i + 1, faults }
  })
  const count = Math.max(Math.min(2, rounds), Math.ceil(rounds / ROUNDS_OF_STAGE_MAX))
  const firstDisks = random.below(2)
  const stages = Array.from({ length: count }, (_, i): StagePlan => {
    const [from, to] = [i, i + 1].map((at) => Math.round((rounds * at) / count))
    return {
      number: i + 1,
      seed: random.below(0x7fff_ffff),
      partitions: 4 + random.below(5),
      members: 1 + random.below(3),
      disks: (i + firstDisks) % 2 === 0 ? 'own' : 'shared',
      checkpoints: checkpoints && (i < STAGES_WITH_CHECKPOINTS || random.next() < 0.6),
      end: random.next() < 0.5 ? 'live' : 'until end',
      rounds: perRound.slice(from, to),
    }
  })
  return { seed, kinds, stages }
}

/** Each kind once, then any, until every round has its faults; none meets another of its area. */
function dealKinds(rounds: number, kinds: readonly KindName[], random: Random): KindName[][] {
  const dealt = Array.from({ length: rounds }, (): KindName[] => [])
  const deck = shuffled(kinds, random)
  const wanted = dealt.map(() => 1 + random.below(FAULTS_OF_ROUND_MAX))
  for (const kind of deck) {
    const fits = dealt.filter((round) => hasRoom(round, kind))
    const fewest = Math.min(...fits.map(({ length }) => length))
    fits.find(({ length }) => length === fewest)?.push(kind)
  }
  dealt.forEach((round, i) => {
    const more = shuffled(kinds, random).filter((kind) => !round.includes(kind))
    for (const kind of more) {
      if (round.length < (wanted[i] ?? 0) && hasRoom(round, kind)) round.push(kind)
    }
  })
  return dealt
}

function hasRoom(round: readonly KindName[], kind: KindName): boolean {
  const area: Area = KINDS[kind].area
  return round.length < FAULTS_OF_ROUND_MAX && round.every((one) => KINDS[one].area !== area)
}

function planFault(kind: KindName, random: Random): FaultPlan {
  const [min, max] = KINDS[kind].lastsMs
  return {
    kind,
    beginsMs: random.below(BEGINS_MS),
    lastsMs: min + random.below(max - min),
    seed: random.below(0x7fff_ffff),
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const keyed = items.map((item) => ({ item, key: random.next() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

/** For people, and for the report of a failure. */
export function planText({ stages }: StormPlan): string {
  return stages
    .flatMap((stage) => [stageText(stage), ...stage.rounds.map((round) => `  ${roundText(round)}`)])
    .join('\n')
}

export function stageText(stage: StagePlan): string {
  const { number, partitions, members, disks, checkpoints, end } = stage
  const processes = members === 1 ? '1 process' : `${members} processes`
  const disk = disks === 'own' ? 'each a disk of its own' : 'all on one disk'
  return `stage ${number}: ${partitions} partitions, ${processes}, ${disk}, checkpoints ${checkpoints ? 'on' : 'off'}, ends ${end}`
}

export function roundText({ number, faults }: RoundPlan): string {
  return `round ${number}: ${faults.map(faultText).join(', ')}`
}

export function faultText({ kind, beginsMs, lastsMs }: FaultPlan): string {
  return `${kind} (${beginsMs} ms +${lastsMs} ms)`
}
