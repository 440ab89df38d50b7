/** Instants, durations, counts and bytes as people read them. Machines get numbers and ISO 8601 by `--json`. */
import { formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import { formatInstant } from '../core/instant.ts'

/** `2026-01-06T00:30Z`: no more digits than the instant has. */
export function instantWords(timeMs: number): string {
  return formatInstant(Math.floor(timeMs)).replace(/(?::00)?\.000Z$/, 'Z')
}

/** -Infinity and undefined stand for "before the first event". */
export function dayWords(day: DayIndex | undefined): string {
  return day === undefined || !Number.isFinite(day) ? '-' : formatDay(day)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** The two largest units: `3 d 4 h`, `5 min`, `0.4 s`. */
export function durationWords(durationMs: number): string {
  if (durationMs < 0) return `-${durationWords(-durationMs)}`
  if (durationMs < 10_000) return `${Number((durationMs / 1000).toFixed(1))} s`
  const largest = UNITS.findIndex(([, unitMs]) => durationMs >= unitMs)
  let rest = durationMs
  return UNITS.slice(largest, largest + 2)
    .map(([unit, unitMs]) => {
      const count = Math.floor(rest / unitMs)
      rest -= count * unitMs
      return count > 0 ? `${count} ${unit}` : ''
    })
    .filter((part) => part !== '')
    .join(' ')
}

/** As the pipeline file takes it: `90m`, `2d`; rounded up to a whole unit that a person would write. */
export function durationSetting(durationMs: number): string {
  if (durationMs <= 60_000) return `${Math.max(1, Math.ceil(durationMs / 1000))}s`
  if (durationMs <= 2 * 3_600_000) return `${Math.ceil(durationMs / 60_000)}m`
  if (durationMs <= 3 * 86_400_000) return `${Math.ceil(durationMs / 3_600_000)}h`
  return `${Math.ceil(durationMs / 86_400_000)}d`
}

export function countWords(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

export function bytesWords(bytes: number): string {
  const unit = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let scaled = bytes
  let at = 0
  while (scaled >= 1024 && at < unit.length - 1) {
    scaled /= 1024
    at += 1
  }
  return `${at === 0 ? scaled : scaled.toFixed(1)} ${unit[at] ?? 'B'}`
}

/** `1 row`, `2 rows`. */
export function plural(count: number, noun: string): string {
  return `${countWords(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** For machines: the instant to the millisecond. */
export function instantOrNull(timeMs: number | undefined): string | null {
  return timeMs === undefined || !Number.isFinite(timeMs) ? null : formatInstant(timeMs)
}

export function dayOrNull(day: DayIndex | undefined): string | null {
  return day === undefined || !Number.isFinite(day) ? null : formatDay(day)
}
