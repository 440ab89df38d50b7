/** Durations, sizes and shares as people write them: `30m`, `32MiB`, `5%`. */

const DURATION_UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
type DurationUnit = keyof typeof DURATION_UNITS_MS
const SIZE_UNITS = { GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 } as const
type SizeUnit = keyof typeof SIZE_UNITS

/** Few enough digits that any of them is a safe integer of milliseconds. */
export const DURATION_PATTERN = /^(\d{1,8})(ms|s|m|h|d)$/
export const SIZE_PATTERN = /^(\d{1,6})(B|KiB|MiB|GiB)$/
export const SHARE_PATTERN = /^(100|\d{1,2}(?:\.\d+)?)%$/

/** `text` matches DURATION_PATTERN. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = DURATION_PATTERN.exec(text) ?? []
  return Number(count) * DURATION_UNITS_MS[unit as DurationUnit]
}

/** In the largest unit that leaves no rest: 90 min is `90m`, a day is `1d`. */
export function formatDuration(durationMs: number): string {
  for (const [unit, unitMs] of Object.entries(DURATION_UNITS_MS)) {
    if (durationMs >= unitMs && durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`
  }
  return `${durationMs}ms`
}

/** `text` matches SIZE_PATTERN. */
export function parseSize(text: string): number {
  const [, count = '', unit = ''] = SIZE_PATTERN.exec(text) ?? []
  return Number(count) * SIZE_UNITS[unit as SizeUnit]
}

export function formatSize(bytes: number): string {
  for (const [unit, unitBytes] of Object.entries(SIZE_UNITS)) {
    if (bytes >= unitBytes && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`
  }
  return `${bytes}B`
}

/** `text` matches SHARE_PATTERN. */
export function parseShare(text: string): number {
  return Number(text.slice(0, -1)) / 100
}

export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(12))}%`
}
