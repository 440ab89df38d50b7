/** What a sample of the records says about the pipeline file: rejects, times, disorder. */
import type { Calendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { measureDisorder, measureLateness, quantile } from './disorder.ts'
import type { Finding } from './finding.ts'
import type { ExaminedSample } from './examined-sample.ts'
import { countWords, durationSetting, durationWords, instantWords, plural } from './words.ts'

export function checkRejects({ rejects }: Pipeline, sample: ExaminedSample): Finding[] {
  const { records, refused } = sample
  const count = [...refused.values()].reduce((sum, each) => sum + each.count, 0)
  const head = `${plural(records, 'record')} sampled`
  if (count === 0)
    return [{ check: 'records', verdict: 'ok', detail: `${head}, none would be rejected` }]
  const share = count / records
  const reasons = [...refused].map(
    ([reason, each]) => `${reason} ${countWords(each.count)} (${each.example})`,
  )
  return [
    {
      check: 'records',
      verdict: share > rejects.limit ? 'problem' : 'warning',
      detail: `${head}, ${percentWords(share)} would be rejected: ${reasons.join('; ')}`,
      advice:
        share > rejects.limit
          ? `above rejects.limit (${percentWords(rejects.limit)}) the run stops: correct source.fields or source.event.time`
          : 'they would go to the dead letters with their bytes',
    },
  ]
}

/** A clock of the producers that runs ahead by more than this is worth a word. */
const AHEAD_MS = 3_600_000

export function checkEventTimes(
  { event }: Pipeline,
  sample: ExaminedSample,
  wallMs: number,
): Finding[] {
  const bad = sample.refused.get('bad_timestamp')
  const times = sample.eventTimes.flat()
  const unit = event.time.format.kind
  if (times.length === 0) {
    const detail = `no event time could be read as ${unit}${bad === undefined ? '' : `: ${bad.example}`}`
    return [
      { check: 'event time', verdict: 'problem', detail, advice: 'correct source.event.time' },
    ]
  }
  const [oldest, newest] = times.reduce(
    ([low, high], time) => [Math.min(low, time), Math.max(high, time)],
    [Infinity, -Infinity],
  )
  const detail = `read as ${unit}, from ${instantWords(oldest)} to ${instantWords(newest)}, the newest ${agoWords(wallMs - newest)}`
  if (newest > wallMs + AHEAD_MS) {
    const advice =
      'check the unit and the zone of source.event.time, and the clocks of the producers'
    return [{ check: 'event time', verdict: 'warning', detail, advice }]
  }
  return [{ check: 'event time', verdict: 'ok', detail: `${detail}; the unit is plausible` }]
}

function agoWords(ageMs: number): string {
  return ageMs >= 0 ? `${durationWords(ageMs)} ago` : `${durationWords(-ageMs)} ahead of the clock`
}

/** Late events are corrections: a few are what allowedLateness is for. */
const LATE_SHARE_MAX = 0.01

/** What 99.9 % of the events ask for, and what every event of the sample does. */
export function checkDisorder(
  { time }: Pipeline,
  sample: ExaminedSample,
  calendar: Calendar,
): Finding[] {
  const { eventTimes } = sample
  const { events, outOfOrderShare, behindMs } = measureDisorder(eventTimes)
  if (events === 0) return []
  const { lateShare, latestMs } = measureLateness(eventTimes, time.outOfOrdernessMs, calendar)
  const suggested = durationSetting(quantile(behindMs, 0.999))
  const isLate = lateShare > LATE_SHARE_MAX
  const order =
    outOfOrderShare === 0
      ? 'every event is the newest so far'
      : `${percentWords(outOfOrderShare)} of the events are behind the newest before them: ` +
        [0.9, 0.99, 0.999, 1].map((share) => behindWords(behindMs, share)).join(', ')
  return [
    {
      check: 'disorder',
      verdict: isLate ? 'warning' : 'ok',
      detail: `${order}; with outOfOrderness ${durationWords(time.outOfOrdernessMs)}, ${percentWords(lateShare)} come after the close of their day`,
      suggests: { key: 'time.outOfOrderness', value: suggested },
      ...(isLate && {
        advice: `time.outOfOrderness: ${suggested} would have 99.9 % of the events in time; it delays each close by as much`,
      }),
    },
    latenessFinding(latestMs, time.allowedLatenessMs),
  ]
}

function behindWords(behindMs: readonly number[], share: number): string {
  return `${percentWords(share)} by at most ${durationWords(quantile(behindMs, share))}`
}

function latenessFinding(latestMs: number | undefined, allowedMs: number): Finding {
  const allowed = `allowedLateness is ${durationWords(allowedMs)}`
  if (latestMs === undefined) {
    const detail = `no event came after the close of its day; ${allowed}`
    return { check: 'lateness', verdict: 'ok', detail }
  }
  const value = durationSetting(latestMs + 1)
  const suggests = { key: 'time.allowedLateness', value }
  const seen = `the latest event came ${durationWords(latestMs)} after the close of its day; ${allowed}`
  if (latestMs < allowedMs) return { check: 'lateness', verdict: 'ok', detail: seen, suggests }
  return {
    check: 'lateness',
    verdict: 'warning',
    detail: `${seen}, so it would be too late`,
    suggests,
    advice: `time.allowedLateness: ${value} would accept every event of the sample`,
  }
}

function percentWords(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}
