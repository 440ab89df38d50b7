/**
 * Which records of the late ledger a heal accepts. The ledger is history: what another amendment has accepted, or put on time again by
 * taking a watermark back, is in it, too, and is passed over here.
 */
import { createCalendar, formatDay, parseDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Amendment } from '../core/generation.ts'
import type { KeptRecord } from '../engine/amended-port.ts'
import type { Milestone } from '../engine/ports.ts'
import type { Reject } from '../engine/reject-port.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { parsePosition, usage } from './amend.ts'
import { stateDirectory, topicOf } from './compose.ts'
import { plural } from './words.ts'

export interface LateChoice {
  readonly days?: string
  readonly positions?: string
}

export interface ChosenLate {
  readonly records: readonly KeptRecord[]
  readonly amendments: readonly Amendment[]
  /** Passed over, and why. */
  readonly accepted: number
  readonly onTime: number
  /** No view could use them. */
  readonly unused: number
}

/** Each run holds them in memory. */
const ACCEPTED_MAX = 200_000

/** @throws USAGE where a position that is named is not in the ledger */
export async function chooseLate(
  pipeline: Pipeline,
  {
    ledger,
    choice,
    before,
  }: {
    readonly ledger: AsyncIterable<Reject>
    readonly choice: LateChoice
    /** Amendments that hold already. */
    readonly before: readonly Amendment[]
  },
): Promise<ChosenLate> {
  const isChosen = selection(choice, topicOf(pipeline))
  const amended = new Set(before.map(placeOf))
  const isOnTime = await sinceResets(pipeline, before)
  const chosen = new Map<string, Reject>()
  const found = new Set<string>()
  const passed = { accepted: 0, onTime: 0, unused: 0 }
  for await (const reject of ledger) {
    const place = placeOf(reject)
    if (reject.late === undefined || found.has(place) || !isChosen(reject, reject.late.day))
      continue
    found.add(place)
    if (amended.has(place)) passed.accepted += 1
    else if (reject.late.entities.length === 0) passed.unused += 1
    else if (isOnTime(reject, reject.late.day)) passed.onTime += 1
    else chosen.set(place, reject)
    if (chosen.size > ACCEPTED_MAX)
      throw usage(
        `more than ${plural(ACCEPTED_MAX, 'record')} would be accepted at once; choose fewer days (--days)`,
      )
  }
  checkNamed(choice, topicOf(pipeline), found)
  const rejects = [...chosen.values()]
  return {
    ...passed,
    records: rejects,
    amendments: rejects.map(({ partition, offset, late }): Amendment => {
      return { kind: 'accept', partition, offset, day: late?.day ?? NaN }
    }),
  }
}

interface Place {
  readonly partition: number
  readonly offset: number
}

function placeOf({ partition, offset }: Place): string {
  return `${partition}@${offset}`
}

function selection(
  { days, positions }: LateChoice,
  topic: string,
): (place: Place, day: DayIndex) => boolean {
  if (days !== undefined && positions !== undefined)
    throw usage('give --days or --positions, not both')
  if (positions !== undefined) {
    const named = new Set(parsePositions(positions, topic).map(placeOf))
    return (place) => named.has(placeOf(place))
  }
  if (days === undefined) return () => true
  const { first, last } = parseDays(days)
  return (_, day) => day >= first && day <= last
}

function parsePositions(typed: string, topic: string): Place[] {
  return typed.split(',').map((text) => parsePosition(text, topic))
}

function parseDays(typed: string): { readonly first: DayIndex; readonly last: DayIndex } {
  const [from = '', to = from] = typed.split('..')
  const first = parseDay(from.trim())
  const last = parseDay(to.trim())
  if (first === undefined || last === undefined)
    throw usage(
      `--days: expected days such as 2026-01-05..2026-01-09 or 2026-01-05, received ${JSON.stringify(typed)}`,
    )
  if (last < first) throw usage(`--days: ${formatDay(last)} is before ${formatDay(first)}`)
  return { first, last }
}

function checkNamed({ positions }: LateChoice, topic: string, found: ReadonlySet<string>): void {
  if (positions === undefined) return
  const missing = parsePositions(positions, topic).filter((place) => !found.has(placeOf(place)))
  const [first] = missing
  if (first === undefined) return
  throw usage(
    `--positions: ${topic}[${first.partition}]@${first.offset} is not in the late ledger; \`tidemark late list\` shows what is`,
  )
}

/**
 * Whether a record that was too late once is on time since a watermark was reset before it: the next milestone bounds the watermark
 * that it was judged by. Where that does not tell, it is accepted: it will count once all the same.
 */
async function sinceResets(
  pipeline: Pipeline,
  before: readonly Amendment[],
): Promise<(place: Place, day: DayIndex) => boolean> {
  const calendar = createCalendar(pipeline.time.zone)
  const { allowedLatenessMs, outOfOrdernessMs } = pipeline.time
  const resets = before.filter(({ kind }) => kind === 'drop')
  const known = new Map<
    number,
    { readonly milestones: readonly Milestone[]; readonly watermark: number }
  >()
  for (const partition of new Set(resets.map((reset) => reset.partition))) {
    const state = await openStateCopy(stateDirectory(pipeline, partition))
    if (state === undefined) continue
    const watermark = (state.head?.time.maxEventTime ?? Infinity) - outOfOrdernessMs
    known.set(partition, { milestones: await state.milestones(), watermark })
    await state[Symbol.asyncDispose]()
  }
  return ({ partition, offset }, day) => {
    const isBehind = resets.some((reset) => reset.partition === partition && reset.offset < offset)
    const state = isBehind ? known.get(partition) : undefined
    if (state === undefined) return false
    const next = state.milestones.find((milestone) => milestone.offset > offset)
    return calendar.endOf(day) + allowedLatenessMs > (next?.watermark ?? state.watermark)
  }
}
