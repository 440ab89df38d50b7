/** Events of many users within one day, for benchmarks in which the number of entities is what counts. */
import { FileLogWriter } from '../src/source/file-log-writer.ts'
import type { Random } from './random.ts'
import { encodeJson } from './workload.ts'

export const DAY_START_MS = 1_767_225_600_000
export const HOUR_MS = 3_600_000

interface Activity {
  readonly user: number
  readonly timeMs: number
}

export function* users(count: number, timeMs: number): Generator<Activity> {
  for (let user = 0; user < count; user += 1) yield { user, timeMs }
}

export function* someUsers(count: number, entities: number, random: Random): Generator<Activity> {
  for (let i = 0; i < count; i += 1) {
    yield { user: random.below(entities), timeMs: DAY_START_MS + 2 * HOUR_MS }
  }
}

export async function append(log: string, activities: Iterable<Activity>): Promise<void> {
  await using writer = await FileLogWriter.open(log, 0, 'log')
  for (const { user, timeMs } of activities) {
    const event = { sequence: 0, user, item: 0, type: 1, cents: 0, timeMs, writtenMs: timeMs }
    const timestamp = DAY_START_MS + 26 * HOUR_MS
    writer.append({
      key: Buffer.from(`u${user}`),
      value: Buffer.from(encodeJson(event)),
      timestamp,
    })
  }
}
