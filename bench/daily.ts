/**
 * A log that grows by whole days, seeded by the day: the same day has the same events whatever came before it. Users are drawn
 * evenly, so that a day touches about as many of them at the end of a long log as at its beginning.
 */
import { fileURLToPath } from 'node:url'
import type { Pipeline } from '../src/core/definition.ts'
import { loadPipeline } from '../src/definition/load.ts'
import { FileLogWriter } from '../src/source/file-log-writer.ts'
import { createRandom } from './random.ts'
import { slotOf } from '../src/core/slot.ts'

export const DAY_MS = 86_400_000
/** 2025-01-01, days since 1970-01-01. */
export const FIRST_DAY = 20_089
const PARTITIONS = 2

export interface DailyLog {
  readonly directory: string
  readonly eventsPerDay: number
  readonly users: number
}

/** Appends the events of the days, in order of time. */
export async function appendDays(
  { directory, eventsPerDay, users }: DailyLog,
  days: { readonly from: number; readonly to: number },
): Promise<void> {
  const writers: FileLogWriter[] = []
  try {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      writers.push(await FileLogWriter.open(directory, partition, 'jsonl'))
    }
    for (let day = days.from; day <= days.to; day += 1) {
      const random = createRandom(day)
      for (let i = 0; i < eventsPerDay; i += 1) {
        const user = `u${random.below(users)}`
        append(writers[slotOf(user, PARTITIONS)], {
          user,
          timeMs: day * DAY_MS + Math.floor((i / eventsPerDay) * DAY_MS),
          kind: random.below(100),
          cents: random.below(50_000),
        })
      }
    }
  } finally {
    for (const writer of writers) await writer[Symbol.asyncDispose]()
  }
}

/** The first event of the day in each partition: it closes the day before. */
export async function openDay({ directory }: DailyLog, day: number): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    await using writer = await FileLogWriter.open(directory, partition, 'jsonl')
    const timeMs = day * DAY_MS
    append(writer, { user: `opener${partition}`, timeMs, kind: 0, cents: 0 })
  }
}

function append(
  writer: FileLogWriter | undefined,
  event: {
    readonly user: string
    readonly timeMs: number
    readonly kind: number
    readonly cents: number
  },
): void {
  const { user, timeMs, kind, cents } = event
  const type = kind < 88 ? 'impression' : kind < 98 ? 'click' : 'purchase'
  const amount = type === 'purchase' ? `,"amount":${((cents + 100) / 100).toFixed(2)}` : ''
  const value = `{"user_id":"${user}","event_ts":${timeMs},"event_type":"${type}"${amount}}`
  writer?.append({ value: Buffer.from(value) })
}

export interface DailyPlace {
  readonly log: DailyLog
  /** Directory of states and sinks. */
  readonly place: string
  /** The longest window, days. */
  readonly window: number
}

export function dailyPipeline({ log, place, window }: DailyPlace): Promise<Pipeline> {
  return loadPipeline(fileURLToPath(new URL('daily.yaml', import.meta.url)), {
    BENCH_LOG: log.directory,
    BENCH_PLACE: place,
    BENCH_WINDOW: String(window),
  })
}
