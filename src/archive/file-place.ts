/**
 * What the path of an archive's file says by itself: directories such as `ds=2026-01-05`, `year=2026/month=01/day=05` or
 * `2026/01/05`, and columns that only directories have (`source=web`). So files of other days are never opened.
 */
import type { DayIndex } from '../core/day.ts'
import { parseDay } from '../core/day.ts'

export interface FilePlace {
  /** Of its directories; undefined where they say none. */
  readonly day: DayIndex | undefined
  readonly hive: ReadonlyMap<string, string>
}

const DATE = /^(\d{4})-?(\d{2})-?(\d{2})(?:\D.*)?$/
const YEAR = /^\d{4}$/
const TWO_DIGITS = /^\d{1,2}$/

/** @param path relative, with `/` */
export function filePlace(path: string): FilePlace {
  const folders = path.split('/').slice(0, -1)
  const hive = new Map<string, string>()
  for (const folder of folders) {
    const at = folder.indexOf('=')
    if (at > 0) hive.set(folder.slice(0, at), decoded(folder.slice(at + 1)))
  }
  return { day: dayOf(folders, hive), hive }
}

function dayOf(
  folders: readonly string[],
  hive: ReadonlyMap<string, string>,
): DayIndex | undefined {
  for (const value of hive.values()) {
    const match = DATE.exec(value)
    const day = match && civil(match[1], match[2], match[3])
    if (day !== null && day !== undefined) return day
  }
  const byParts = civil(hive.get('year'), hive.get('month'), hive.get('day'))
  if (byParts !== undefined) return byParts
  for (let at = 0; at + 2 < folders.length; at += 1) {
    const day = civil(folders[at], folders[at + 1], folders[at + 2])
    if (day !== undefined) return day
  }
  const plain = folders.map((folder) => parseDay(folder)).find((day) => day !== undefined)
  return plain
}

function civil(year?: string, month?: string, date?: string): DayIndex | undefined {
  if (year === undefined || month === undefined || date === undefined) return undefined
  if (!YEAR.test(year) || !TWO_DIGITS.test(month) || !TWO_DIGITS.test(date)) return undefined
  return parseDay(`${year}-${month.padStart(2, '0')}-${date.padStart(2, '0')}`)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
