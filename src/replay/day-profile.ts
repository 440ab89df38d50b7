/**
 * What the rows of a view are like on one day: how many, and per column how many nulls, where the values lie and their mean.
 * Counted by a database over the files of a table; judged by gates, shown by a diff.
 */
import type { DayIndex } from '../core/day.ts'
import type { Value } from '../core/value.ts'

export interface DayProfile {
  readonly day: DayIndex
  readonly rows: number
  /** By column; those only that were asked for. */
  readonly columns: Readonly<Record<string, ColumnProfile>>
}

export interface ColumnProfile {
  readonly nulls: number
  /** In the column's type; null where it has no values, or none that have an order (texts are not shown here). */
  readonly min: Value
  readonly max: Value
  /** Of numbers and of true (1) and false (0); null where there is none. */
  readonly mean: number | null
}

/** To those that are known of the day. */
export function addProfile(profiles: Map<DayIndex, DayProfile>, profile: DayProfile): void {
  const known = profiles.get(profile.day)
  profiles.set(profile.day, known ? mergeProfiles(known, profile) : profile)
}

/** Of rows that are told apart, such as those of two partitions of a day. */
export function mergeProfiles(a: DayProfile, b: DayProfile): DayProfile {
  const columns: Record<string, ColumnProfile> = {}
  for (const name of new Set([...Object.keys(a.columns), ...Object.keys(b.columns)])) {
    columns[name] = mergeColumns([a, name], [b, name])
  }
  return { day: a.day, rows: a.rows + b.rows, columns }
}

type Side = readonly [profile: DayProfile, column: string]

function mergeColumns(...sides: readonly [Side, Side]): ColumnProfile {
  const [a, b] = sides.map(([{ rows, columns }, name]) => {
    const column = columns[name] ?? { nulls: rows, min: null, max: null, mean: null }
    return { ...column, values: rows - column.nulls }
  }) as [ColumnProfile & { values: number }, ColumnProfile & { values: number }]
  return {
    nulls: a.nulls + b.nulls,
    min: chosen(a.min, b.min, (x, y) => x < y),
    max: chosen(a.max, b.max, (x, y) => x > y),
    mean:
      a.mean === null || b.mean === null
        ? (a.mean ?? b.mean)
        : (a.mean * a.values + b.mean * b.values) / (a.values + b.values),
  }
}

function chosen(
  a: Value,
  b: Value,
  isBetter: (x: Exclude<Value, null>, y: Exclude<Value, null>) => boolean,
): Value {
  if (a === null || b === null) return a ?? b
  return isBetter(a, b) ? a : b
}
