/**
 * The gates between a run and its publication: what `validate` of a view asks of every day, held against what the days would
 * be like. Pure; a gate is judged over all its days at once and names the worst of them.
 *
 *     const facts = await gatherFacts(...)             src/cli/replay-gates.ts, which counts them
 *     const results = checkGates(view.title, gates, facts)
 *     results.every(({ passed }) => passed)            else publish refuses; `--force` publishes, and is recorded
 *
 * `change` limits compare a day with the mean of the days before it, and leave out days that have not enough of them.
 */
import { formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import { formatValue } from '../core/text.ts'
import type { Value } from '../core/value.ts'
import type { ColumnGates, ViewGates } from '../core/view-gates.ts'
import type { DayProfile } from './day-profile.ts'

export interface GateFacts {
  /** Days that change, ascending. */
  readonly judged: readonly DayIndex[]
  /** First day that the table has rows of afterwards; undefined where it has none. */
  readonly firstDay: DayIndex | undefined
  /** Of those days and of days before them, as the table has them afterwards. A day without rows may be missing. */
  readonly profiles: ReadonlyMap<DayIndex, DayProfile>
}

export interface GateResult {
  readonly view: string
  readonly gate: 'rows.min' | 'rows.max' | 'rows.change' | 'nulls' | 'ranges' | 'change'
  readonly column?: string
  readonly limit: string
  readonly passed: boolean
  /** Days that it could judge, and those beyond the limit. */
  readonly daysJudged: number
  readonly daysFailed: number
  /** The day that is nearest to the limit, or furthest beyond it. */
  readonly worst?: { readonly day: string; readonly found: string }
  /** One line for a person. */
  readonly message: string
}

/** How a gate judges a day: undefined where it says nothing about it. */
interface Verdict {
  readonly found: string
  readonly isBeyond: boolean
  /** Larger is worse. */
  readonly badness: number
}

interface Gate extends Pick<GateResult, 'gate' | 'column' | 'limit'> {
  judge(day: DayIndex): Verdict | undefined
}

/** @param view its title */
export function checkGates(view: string, gates: ViewGates, facts: GateFacts): GateResult[] {
  const all = [...rowGates(gates, facts)]
  for (const [column, limits] of Object.entries(gates.columns)) {
    all.push(...columnGates(column, limits, gates, facts))
  }
  // Before the first day there is nothing that could lack rows.
  const days = facts.judged.filter((day) => facts.firstDay !== undefined && day >= facts.firstDay)
  return all.map((gate) => judgeDays(view, gate, days))
}

function judgeDays(view: string, gate: Gate, days: readonly DayIndex[]): GateResult {
  let daysJudged = 0
  let daysFailed = 0
  let worst: (Verdict & { readonly day: DayIndex }) | undefined
  for (const day of days) {
    const verdict = gate.judge(day)
    if (verdict === undefined) continue
    daysJudged++
    if (verdict.isBeyond) daysFailed++
    if (worst === undefined || verdict.badness > worst.badness) worst = { ...verdict, day }
  }
  const place = gate.column === undefined ? gate.gate : `${gate.gate} of ${gate.column}`
  const told = worst && { day: formatDay(worst.day), found: worst.found }
  const where = told ? `${told.found} on ${told.day}` : 'no day that it could judge'
  const count = daysFailed > 0 ? `; ${daysFailed} of ${daysJudged} days are beyond it` : ''
  return {
    view,
    gate: gate.gate,
    ...(gate.column !== undefined && { column: gate.column }),
    limit: gate.limit,
    passed: daysFailed === 0,
    daysJudged,
    daysFailed,
    ...(told && { worst: told }),
    message: `${view}: ${place}: expected ${gate.limit}, found ${where}${count}`,
  }
}

function rowGates({ rows, previousDays }: ViewGates, facts: GateFacts): Gate[] {
  const rowsOf = (day: DayIndex): number => facts.profiles.get(day)?.rows ?? 0
  const counted = (isBeyond: (rows: number) => boolean, sign: number) => (day: DayIndex) => ({
    found: String(rowsOf(day)),
    isBeyond: isBeyond(rowsOf(day)),
    badness: sign * rowsOf(day),
  })
  const { min, max, change } = rows
  const gates: Gate[] = []
  if (min !== undefined) {
    gates.push({ gate: 'rows.min', limit: `at least ${min}`, judge: counted((n) => n < min, -1) })
  }
  if (max !== undefined) {
    gates.push({ gate: 'rows.max', limit: `at most ${max}`, judge: counted((n) => n > max, 1) })
  }
  if (change !== undefined) {
    gates.push({
      gate: 'rows.change',
      limit: changeLimit(change, previousDays),
      judge: (day) => changed(rowsOf, { day, change, previousDays, facts }),
    })
  }
  return gates
}

function columnGates(
  column: string,
  limits: ColumnGates,
  { previousDays }: ViewGates,
  facts: GateFacts,
): Gate[] {
  const gates: Gate[] = []
  const { nullsMax, change } = limits
  if (nullsMax !== undefined) {
    gates.push({
      gate: 'nulls',
      column,
      limit: `at most ${percent(nullsMax)}`,
      judge: (day) => {
        const profile = facts.profiles.get(day)
        if (profile === undefined || profile.rows === 0) return undefined
        const share = (profile.columns[column]?.nulls ?? profile.rows) / profile.rows
        return { found: percent(share), isBeyond: share > nullsMax, badness: share }
      },
    })
  }
  if (limits.min !== undefined || limits.max !== undefined) {
    gates.push({
      gate: 'ranges',
      column,
      limit: rangeText(limits),
      judge: (day) => outside(facts.profiles.get(day)?.columns[column], limits),
    })
  }
  if (change !== undefined) {
    const meanOf = (day: DayIndex): number | null | undefined =>
      facts.profiles.get(day)?.columns[column]?.mean
    gates.push({
      gate: 'change',
      column,
      limit: changeLimit(change, previousDays),
      judge: (day) => changed(meanOf, { day, change, previousDays, facts }),
    })
  }
  return gates
}

function outside(
  profile: { readonly min: Value; readonly max: Value } | undefined,
  { min, max, type }: ColumnGates,
): Verdict | undefined {
  if (profile === undefined || profile.min === null || profile.max === null) return undefined
  const below = min === undefined ? -Infinity : distance(min, profile.min)
  const above = max === undefined ? -Infinity : distance(profile.max, max)
  const found = formatValue(below > above ? profile.min : profile.max, type)
  const isBelow = min !== undefined && profile.min < min
  const isAbove = max !== undefined && profile.max > max
  return { found, isBeyond: isBelow || isAbove, badness: Math.max(below, above) }
}

/** How far `a` is above `b`; only to tell which day is worse. */
function distance(a: Exclude<Value, null>, b: Exclude<Value, null>): number {
  return Number(a) - Number(b)
}

interface Compared {
  readonly day: DayIndex
  readonly change: number
  readonly previousDays: number
  readonly facts: GateFacts
}

function changed(
  numberOf: (day: DayIndex) => number | null | undefined,
  { day, change, previousDays, facts }: Compared,
): Verdict | undefined {
  const now = numberOf(day)
  const first = day - previousDays
  if (now === null || now === undefined) return undefined
  if (facts.firstDay === undefined || first < facts.firstDay) return undefined
  const before: number[] = []
  for (let each = first; each < day; each++) {
    const known = numberOf(each)
    if (known !== null && known !== undefined) before.push(known)
  }
  if (before.length === 0) return undefined
  const mean = before.reduce((sum, each) => sum + each, 0) / before.length
  const share = now === mean ? 0 : Math.abs(now - mean) / Math.abs(mean)
  return {
    found: `${amount(now)} after ${amount(mean)} (${percent(share)})`,
    isBeyond: share > change,
    badness: share,
  }
}

function changeLimit(change: number, previousDays: number): string {
  const days = previousDays === 1 ? 'day' : `${previousDays} days`
  return `at most ${percent(change)} away from the mean of the ${days} before`
}

function rangeText({ min, max, type }: ColumnGates): string {
  const show = (value: Exclude<Value, null>): string => formatValue(value, type)
  if (min === undefined) return max === undefined ? 'any value' : `at most ${show(max)}`
  return max === undefined ? `at least ${show(min)}` : `${show(min)} to ${show(max)}`
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${Number((share * 100).toPrecision(4))}%` : 'from 0'
}

function amount(number: number): string {
  return String(Number(number.toPrecision(6)))
}
