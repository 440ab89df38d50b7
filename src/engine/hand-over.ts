/**
 * How the owner of a partition comes into a generation: with the states that a replay or a rollback hands over, or with its own.
 * Which, the records of the generations say; a state that has slept through several of them obeys all.
 */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { formatSlot, parseSlot } from '../core/dirty-slot.ts'
import type { DirtySlot } from '../core/dirty-slot.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { TidemarkError } from '../errors.ts'
import type { Checkpoint } from './checkpoint-port.ts'
import type { RunParts } from './parts.ts'
import type { GenerationStore, PartitionState } from './ports.ts'
import { retryForEver } from './retry.ts'

/** What the records say about states of earlier generations. */
export interface Inheritance {
  /** The last hand-over of states: one of a generation before it is no state of this pipeline any more. */
  readonly handedOver: HandedOver | undefined
  /** Days whose rows are not the business of states of generations before it. */
  readonly settled: readonly SettledDays[]
  /** The last time that partitions were added; undefined: never. */
  readonly regrouped: RegroupedSince | undefined
}

/** Entities live where the partitioner puts them since this generation; before, somewhere else. */
export interface RegroupedSince {
  readonly generation: number
  readonly partitioner: string
  readonly partitions: number
}

export interface HandedOver {
  readonly generation: number
  readonly place: string
  /** Where the state of each partition stands that was published; undefined (a rollback): whichever has come furthest. */
  readonly offsets: ReadonlyMap<number, number> | undefined
  /** By partition: the last generation that stands for which days that were closed before count for nothing. */
  readonly forgetsDays: ReadonlyMap<number, number>
}

/** A replay has set the watermark of a partition back. */
interface Reset {
  readonly partition: number
  readonly generation: number
  readonly replay: string | undefined
}

interface SettledDays {
  readonly generation: number
  readonly first: DayIndex
  readonly last: DayIndex
  /** By partition, where it ends before. */
  readonly closed: ReadonlyMap<number, DayIndex>
  /** Titles; undefined: all. */
  readonly views: readonly string[] | undefined
}

/** @param records ascending by generation */
export function inheritanceOf(records: readonly GenerationRecord[]): Inheritance {
  let handedOver: HandedOver | undefined
  const settled: SettledDays[] = []
  let resets: Reset[] = []
  for (const { generation, handOver } of records) {
    if (handOver?.kind === 'states') {
      const { place, partitions, forgetsDays = [], by } = handOver
      // A run that goes on since leaves states further ahead, and their rows nobody has published.
      const isExact = by?.did === 'publish'
      const stands = partitions.map(({ partition, offset }) => [partition, offset] as const)
      const offsets = isExact ? new Map(stands) : undefined
      if (by?.did === 'rollback') resets = resets.filter(({ replay }) => replay !== by.replay)
      resets.push(
        ...forgetsDays.map((each) => ({ partition: each, generation, replay: by?.replay })),
      )
      const forgets = new Map(resets.map((each) => [each.partition, each.generation]))
      handedOver = { generation, place, offsets, forgetsDays: forgets }
    } else if (handOver) {
      const { days, closed = [], views } = handOver
      const ends = new Map(closed.map(({ partition, day }) => [partition, day]))
      settled.push({ generation, ...days, closed: ends, views })
    }
  }
  return { handedOver, settled, regrouped: regroupedSince(records) }
}

/** Partitions are only ever added, so that their number names the generations from one regrouping to the next. */
function regroupedSince(records: readonly GenerationRecord[]): RegroupedSince | undefined {
  const newest = records.at(-1)
  if (newest?.regrouped === undefined) return undefined
  const { partitioner } = newest.regrouped
  const partitions = newest.segments.length
  const first = records.find(({ segments }) => segments.length === partitions)
  return { generation: first?.generation ?? newest.generation, partitioner, partitions }
}

export async function readRecords(generations: GenerationStore): Promise<GenerationRecord[]> {
  return (await generations.list()).map(({ record }) => JSON.parse(record) as GenerationRecord)
}

/**
 * Dirty slots that a state of `generation` need not write any more: a replay has.
 * @param at its views, in order
 */
export function settledSlots(
  { settled }: Inheritance,
  at: {
    readonly generation: number
    readonly partition: number
    readonly views: readonly Pick<ViewPlan, 'title'>[]
  },
  dirty: Iterable<string>,
): string[] {
  const ranges = settled.filter((range) => range.generation > at.generation)
  if (ranges.length === 0) return []
  const isIn = ({ first, last, closed, views }: SettledDays, { day, view }: DirtySlot): boolean =>
    day >= first &&
    day <= Math.min(last, closed.get(at.partition) ?? Infinity) &&
    (views?.includes(at.views[view]?.title ?? '') ?? true)
  return [...dirty]
    .map(parseSlot)
    .filter((slot) => ranges.some((range) => isIn(range, slot)))
    .map(formatSlot)
}

/** Whether a state of a generation was replaced by a hand-over since. */
export function isOutdated(generation: number, { handedOver }: Inheritance): boolean {
  return handedOver !== undefined && generation < handedOver.generation
}

/**
 * Those of the states in the place of a hand-over that owners may come into its generation with: what the record names, and what is from
 * before it. One that goes further is of a run that has gone on since: it has written days to the side that were never published, and owes
 * them to nobody.
 */
export function namedStates(
  { offsets }: HandedOver,
  partition: number,
  stored: readonly Checkpoint[],
): Checkpoint[] {
  if (offsets === undefined) return [...stored]
  const named = offsets.get(partition) ?? -Infinity
  return stored.filter(({ head }) => head.nextOffset <= named)
}

interface At {
  readonly partition: number
  readonly inheritance: Inheritance
  readonly signal: AbortSignal
}

/** Keeps what is about to be replaced: a rollback begins with the furthest that any owner had. */
export async function keepReplaced(parts: RunParts, at: At, state: PartitionState): Promise<void> {
  const { handOvers, log, source, run } = parts
  const { handedOver } = at.inheritance
  if (handOvers === undefined || handedOver === undefined) return
  const store = handOvers.replaced(handedOver.generation)
  const what = `keeping the state of ${source.topic}[${at.partition}] that is replaced`
  await retryForEver(
    async () => {
      const [kept] = await store.list(at.partition)
      if (kept && kept.head.nextOffset >= (state.head?.nextOffset ?? 0)) return
      await using snapshot = await state.snapshot()
      const { id, head } = await store.write(snapshot, run)
      log.info(
        { partition: at.partition, checkpoint: id, offset: head.nextOffset },
        `${source.topic}[${at.partition}]: generation ${handedOver.generation} was published; the state of generation ${head.generation} is kept for a rollback`,
      )
    },
    { ...parts, signal: at.signal, what },
  )
}

/** Where the owner stood that was replaced; -Infinity where that is not known, or nothing was. */
export async function formerPosition(parts: RunParts, at: At): Promise<number> {
  const { handOvers, source } = parts
  const { handedOver } = at.inheritance
  if (handOvers === undefined || handedOver === undefined) return -Infinity
  const list = (): Promise<readonly Checkpoint[]> =>
    handOvers.replaced(handedOver.generation).list(at.partition)
  const what = `the former position of ${source.topic}[${at.partition}]`
  const [kept] = await retryForEver(list, { ...parts, signal: at.signal, what })
  return kept?.head.nextOffset ?? -Infinity
}

/** A state that was replaced, and nothing to replace it with. */
export function nothingHandedOver(
  at: string,
  generation: number,
  { place }: HandedOver,
): TidemarkError {
  return new TidemarkError(
    'CHECKPOINT_REFUSED',
    `${at}: the state here is of generation ${generation}, and the one that is handed over to replace it (_tidemark/states/${place}) is missing or damaged. ` +
      `Nothing was written. Bring that folder back from a copy; or move the state of this partition away: it is then rebuilt from the log`,
  )
}

/** Where partitions were added, the beginning of a partition is no empty state. */
export function nothingRegrouped(
  at: string,
  origin: number,
  { handedOver }: Inheritance,
): TidemarkError {
  const place = handedOver === undefined ? 'its states' : `_tidemark/states/${handedOver.place}`
  return new TidemarkError(
    'CHECKPOINT_REFUSED',
    `${at}: no state is here, none among the checkpoints, and the one that was handed over when partitions were added (${place}) is missing or damaged. ` +
      `It holds what came before offset ${origin}, under other partitions, so the log alone cannot give it back. Nothing was written. Bring that folder back from a copy`,
  )
}

export function newerGeneration(own: number, newest: number): TidemarkError {
  return new TidemarkError(
    'GENERATION_CHANGED',
    `generation ${newest} was published, this run is of generation ${own}. Start again to take it over`,
    { details: { ownGeneration: own, newestGeneration: newest } },
  )
}
