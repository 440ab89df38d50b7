/**
 * The second half of a publish or a rollback: the record of the generation stands, and the tables follow it. Whoever finds a record whose
 * tables have not followed carries it out; doing it twice changes nothing.
 */
import type { DayIndex } from '../core/day.ts'
import type { Amendment, GenerationRecord } from '../core/generation.ts'
import { titleOf } from '../core/view-title.ts'
import { wholeDays } from '../engine/hand-over-port.ts'
import type { StateHead } from '../engine/ports.ts'
import { regroupedBy } from './plan.ts'
import type { AuditStamp, DayRange } from './plan.ts'
import type { PublicationParts, Swap, SwapOrder, SwapOutcome } from './publication-port.ts'
import type { Replay } from './records.ts'
import { stagedDays, stagedPlaces } from './staged.ts'
import type { Place } from './staged.ts'
import { isFinished, undoneBy } from './standing.ts'
import type { Made } from './standing.ts'
import { tablesOf, titlesOf } from './table-names.ts'

export type TableChange = SwapOutcome & {
  readonly table: string
  /** Days of which some place stays as it was: its files were gone. */
  readonly left?: DayRange & { readonly places: number }
}

export type OnSwap = (table: string, copied: number, files: number) => void

export interface CarryOut {
  readonly made: Made
  readonly replay: Replay
  /** Ascending, the generation's own among them or about to be. */
  readonly records: readonly GenerationRecord[]
  readonly record: GenerationRecord
  /** Places whose files are gone stay as they are. */
  readonly leavesGone?: boolean
  readonly onProgress?: OnSwap | undefined
}

/** What every table has to do for the generation. */
export async function swapsOf(parts: PublicationParts, work: CarryOut): Promise<Swap[]> {
  const { tables } = parts
  const { made, record, records } = work
  const before = records.filter(({ generation }) => generation < made.generation)
  const titles = new Set([...before.slice(-1), record].flatMap(titlesOf))
  const heads = await headsBack(parts, work)
  const swaps: Swap[] = []
  for (const title of titles) {
    const writtenFrom = firstWritten(heads, title)
    for (const table of tablesOf(title)) {
      const order = orderOf(work, table)
      if (made.did === 'rollback') {
        const restored = await tables.restore({ ...order, writtenFrom }, undoneBy(made, records))
        swaps.push(restored ?? (await tables.raise(order)))
      } else if (work.replay.plan.views.includes(title)) swaps.push(await tables.publish(order))
      else swaps.push(await tables.raise(order))
    }
  }
  return swaps
}

/** Of a rollback, by partition: the states that come back. */
async function headsBack(
  { handOvers }: PublicationParts,
  { made, record: { handOver } }: CarryOut,
): Promise<ReadonlyMap<number, StateHead | undefined>> {
  const heads = new Map<number, StateHead | undefined>()
  if (made.did !== 'rollback' || handOver?.kind !== 'states') return heads
  const states = handOvers.states(handOver.place)
  for (const { partition } of handOver.partitions) {
    const [kept] = await states.list(partition)
    heads.set(partition, kept?.head)
  }
  return heads
}

/** By partition: the first day that an owner with the state that comes back will write, beside what is dirty in it. */
function firstWritten(
  heads: ReadonlyMap<number, StateHead | undefined>,
  title: string,
): Map<number, DayIndex> {
  const firstOf = (head: StateHead | undefined): DayIndex => {
    if (head === undefined) return Infinity
    const view = head.views.findIndex((each) => titleOf(each) === title)
    const whole = wholeDays(head)[view] ?? -Infinity
    return Math.max(head.time.completeFrom ?? Infinity, whole + 1)
  }
  return new Map([...heads].map(([partition, head]) => [partition, firstOf(head)]))
}

function orderOf(
  { made, replay, record, records, leavesGone = false, onProgress }: CarryOut,
  table: string,
): SwapOrder {
  const { generation, did } = made
  const { slots } = record
  const staged = stagedPlaces(replay)
  const isOwn = record.handOver?.kind === 'own'
  const before = records.filter((each) => each.generation < generation)
  const reset =
    did === 'publish'
      ? new Map([...resetPartitions(replay, before), ...regroupedPartitions(replay)])
      : new Map<number, DayIndex>()
  const { plan } = replay
  const isReset = ({ partition, day }: Place): boolean =>
    reset.has(partition) && day >= stagedDays(plan, partition).first
  return {
    table,
    generation,
    slots,
    replay: made.replay,
    // A state that is taken back closes days anew that none of the replay's files is of.
    covers: did === 'rollback' && !isOwn ? () => true : (place) => staged(place) || isReset(place),
    ...(reset.size === 0 ? {} : { complete: reset }),
    leavesGone,
    onProgress: (copied, files) => onProgress?.(table, copied, files),
  }
}

/**
 * Partitions whose watermark goes back, with the last day that is closed then: what a dropped record had closed before its time was
 * never complete, and has no rows until the log closes it. Where an earlier publish has dropped it, all that was closed since holds.
 * @param before records of the generations that it follows, ascending
 */
export function resetPartitions(
  { plan, result }: Pick<Replay, 'plan' | 'result'>,
  before: readonly GenerationRecord[],
): Map<number, DayIndex> {
  const newest = before.at(-1)
  const isNew = (one: Amendment): boolean =>
    one.kind === 'drop' &&
    !newest?.amendments.some(
      (each) =>
        each.kind === 'drop' && each.partition === one.partition && each.offset === one.offset,
    )
  const dropped = new Set(plan.record.amendments.filter(isNew).map(({ partition }) => partition))
  return new Map(
    result?.partitions
      .filter(({ partition }) => dropped.has(partition))
      .map(({ partition, closedDay }) => [partition, closedDay ?? -1]),
  )
}

function leftOf({ left }: Swap): Pick<TableChange, 'left'> {
  if (left.length === 0) return {}
  const { first, last } = spanOf(left)
  return { left: { first, last, places: left.length } }
}

/** @param places some */
export function spanOf(places: readonly Place[]): DayRange {
  const days = places.map(({ day }) => day)
  return { first: Math.min(...days), last: Math.max(...days) }
}

/**
 * All partitions where some were added, with the last day that is closed: later rows of old owners are of entities that may live
 * elsewhere now, so they go, and the owners of now write them.
 */
function regroupedPartitions({
  plan,
  result,
}: Pick<Replay, 'plan' | 'result'>): [number, DayIndex][] {
  if (regroupedBy(plan) === undefined) return []
  return (result?.partitions ?? []).map(({ partition, closedDay }) => [partition, closedDay ?? -1])
}

/** The tables' half, and the entry that says so. */
export async function carryOut(
  { replays }: PublicationParts,
  { made, replay }: Pick<CarryOut, 'made' | 'replay'>,
  { swaps, stamp }: { readonly swaps: readonly Swap[]; readonly stamp: AuditStamp },
): Promise<TableChange[]> {
  const changes: TableChange[] = []
  for (const swap of swaps)
    changes.push({ table: swap.table, ...(await swap.commit()), ...leftOf(swap) })
  if (isFinished(await replays.get(replay.plan.id), made)) return changes
  await replays.audit(replay.plan.id, {
    ...stamp,
    did: made.did,
    generation: made.generation,
    details: { phase: 'done', tables: changes },
  })
  return changes
}
