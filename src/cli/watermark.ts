/**
 * What holds the watermark of each partition, gathered from copies of its state and from the log, so that a run that is
 * active notices nothing. Nothing is written.
 */
import { createCalendar } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { position } from '../core/event.ts'
import type { Clock, Decoder, Log, Milestone, RecordSource, StateHead } from '../engine/ports.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { OpenedParts, openDecoder, openSource, stateDirectory } from './compose.ts'
import { openDayOf } from './day-close.ts'
import type { OpenDay } from './day-close.ts'
import { checkPipeline } from './status.ts'
import { firewallOf } from './firewall.ts'
import type { Firewall } from './firewall.ts'
import { readHolder } from './watermark-holder.ts'
import type { Holder } from './watermark-holder.ts'
import { judgeHolder } from './watermark-verdict.ts'
import type { Poison } from './watermark-verdict.ts'

export interface WatermarkReport {
  readonly topic: string
  readonly partitions: readonly PartitionWatermark[]
  /** The lowest one: days of the whole pipeline are not over before it. Undefined where some partition has none. */
  readonly lowest: { readonly partition: number; readonly watermark: number } | undefined
  readonly firewall: Firewall
}

export type PartitionWatermark =
  { readonly partition: number; readonly state: 'not started' | 'no event yet' } | HeldWatermark

export interface HeldWatermark {
  readonly partition: number
  readonly state: 'held'
  readonly watermark: number
  /** `topic[partition]@offset` of the record that holds it. */
  readonly position: string
  readonly eventTime: number
  readonly holder: Holder
  /** From the record to where the state stands, in the log's own unit. */
  readonly behindOffsets: number
  /** What is left to read, in the same unit. */
  readonly lag: number
  /** Days that the log closed by this very record. */
  readonly closed: { readonly first: DayIndex; readonly last: DayIndex } | undefined
  readonly closedDay: DayIndex | undefined
  readonly tickedWatermark: number | undefined
  readonly idle: IdleState
  readonly openDay: OpenDay | undefined
  /** Since the origin. */
  readonly tooLate: number
  readonly poison: Poison | undefined
}

/** Whether the clock moves days on, as far as the state tells: only the run knows when the last record came. */
export type IdleState = 'behind' | 'historical' | 'ticked' | 'at the end'

interface Surroundings {
  readonly clock: Clock
  readonly log: Log
}

export async function gatherWatermarks(
  pipeline: Pipeline,
  surroundings: Surroundings,
): Promise<WatermarkReport> {
  await using opened = new OpenedParts()
  const source = opened.add(openSource(pipeline, surroundings))
  const decoder = openDecoder(pipeline, surroundings)
  const parts = { pipeline, source, decoder, clock: surroundings.clock }
  const { partitions: count } = await source.topology()
  const partitions: PartitionWatermark[] = []
  for (let partition = 0; partition < count; partition += 1)
    partitions.push(await partitionWatermark(parts, partition))
  return {
    topic: source.topic,
    partitions,
    lowest: lowestOf(partitions),
    firewall: await firewallOf(pipeline, source),
  }
}

function lowestOf(partitions: readonly PartitionWatermark[]): WatermarkReport['lowest'] {
  const held = partitions.filter((each) => each.state === 'held')
  if (held.length < partitions.length) return undefined
  const lowest = [...held].sort((a, b) => a.watermark - b.watermark)[0]
  return lowest && { partition: lowest.partition, watermark: lowest.watermark }
}

interface ReadingParts {
  readonly pipeline: Pipeline
  readonly source: RecordSource
  readonly decoder: Decoder
  readonly clock: Clock
}

async function partitionWatermark(
  parts: ReadingParts,
  partition: number,
): Promise<PartitionWatermark> {
  const state = await openStateCopy(stateDirectory(parts.pipeline, partition))
  try {
    const head = state?.head
    if (state === undefined || head === undefined) return { partition, state: 'not started' }
    checkPipeline(parts.pipeline, head)
    const { maxEventTime, maxEventOffset } = head.time
    if (maxEventTime === undefined || maxEventOffset === undefined)
      return { partition, state: 'no event yet' }
    const newest = { eventTime: maxEventTime, offset: maxEventOffset }
    return await heldWatermark(parts, head, { ...newest, milestones: await state.milestones() })
  } finally {
    await state?.[Symbol.asyncDispose]()
  }
}

async function heldWatermark(
  parts: ReadingParts,
  head: StateHead,
  newest: {
    readonly eventTime: number
    readonly offset: number
    readonly milestones: readonly Milestone[]
  },
): Promise<HeldWatermark> {
  const { partition, nextOffset, time, counts } = head
  const { time: policy } = parts.pipeline
  const { eventTime, offset, milestones } = newest
  const context = {
    policy,
    calendar: createCalendar(policy.zone),
    wallMs: parts.clock.wallMs(),
  }
  const holder = await readHolder(parts, { partition, offset, eventTime, nextOffset })
  const openDay = openDayOf(time, context)
  const lag = await lagOf(parts.source, partition, nextOffset)
  const watermark = eventTime - policy.outOfOrdernessMs
  return {
    partition,
    state: 'held',
    watermark,
    position: position(parts.source.topic, partition, offset),
    eventTime,
    holder,
    behindOffsets: nextOffset - offset,
    lag,
    closed: closedBy(milestones, eventTime),
    closedDay: time.closedDay,
    tickedWatermark: time.ticked,
    idle: idleState(lag, openDay, { ticked: time.ticked, watermark }),
    openDay,
    tooLate: counts['too_late'] ?? 0,
    poison: judgeHolder(
      { eventTime, timestamp: holder.timestamp, after: holder.after.eventTimes },
      context,
    ),
  }
}

/** Days that were closed by the event of that time: only a later one closes others. */
function closedBy(milestones: readonly Milestone[], eventTime: number): HeldWatermark['closed'] {
  const days = milestones.filter((each) => each.maxEventTime === eventTime).map(({ day }) => day)
  const [first] = days
  const last = days.at(-1)
  return first === undefined || last === undefined ? undefined : { first, last }
}

function idleState(
  lag: number,
  openDay: OpenDay | undefined,
  time: { readonly ticked: number | undefined; readonly watermark: number },
): IdleState {
  if (lag > 0) return 'behind'
  if (time.ticked !== undefined && time.ticked > time.watermark) return 'ticked'
  return openDay?.closedByClockMs === undefined ? 'historical' : 'at the end'
}

async function lagOf(source: RecordSource, partition: number, nextOffset: number): Promise<number> {
  await using reader = await source.open(partition, nextOffset)
  await reader.endOffset()
  return reader.lag(nextOffset)
}
