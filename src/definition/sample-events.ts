/**
 * About 2,000 made-up events of a shop over ten days, each partition in the order of arrival: most come within minutes, some
 * hours later, a few too late, a few twice. The same end day gives the same events.
 */
import { DAY_MS } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'

const DAYS = 10
const EVENTS_PER_DAY = 200
const USERS = 60
const ITEMS = 200
const HOUR_MS = 3_600_000

interface Arrival {
  readonly partition: number
  readonly receivedMs: number
  readonly line: string
}

/** Lines per partition. */
export function sampleEvents(endDay: DayIndex, partitions: number): string[][] {
  const random = createRandom(20_010_101)
  const arrivals: Arrival[] = []
  for (let index = 0; index < DAYS * EVENTS_PER_DAY; index++) {
    const day = endDay - DAYS + 1 + Math.floor(index / EVENTS_PER_DAY)
    const event = arrival(index, day, partitions, random)
    arrivals.push(event)
    // A producer that did not hear the acknowledgement sends again.
    if (index % 400 === 399) arrivals.push({ ...event, receivedMs: event.receivedMs + 2000 })
  }
  arrivals.sort((a, b) => a.receivedMs - b.receivedMs)
  return Array.from({ length: partitions }, (_, partition) =>
    arrivals.filter((each) => each.partition === partition).map(({ line }) => line),
  )
}

function arrival(
  index: number,
  day: DayIndex,
  partitions: number,
  random: (below: number) => number,
): Arrival {
  // The square favours low numbers: some users and items are busier than others.
  const user = Math.floor(random(USERS) ** 2 / USERS)
  const item = 1 + Math.floor(random(ITEMS) ** 2 / ITEMS)
  const kind = random(100)
  const eventType = kind < 70 ? 'view' : kind < 95 ? 'click' : 'purchase'
  const eventMs = day * DAY_MS + 6 * HOUR_MS + random(17 * HOUR_MS)
  const receivedMs = eventMs + delayMs(index, random)
  const event = {
    event_id: `e${String(index).padStart(5, '0')}`,
    user_id: `u${String(user).padStart(2, '0')}`,
    item_id: item,
    event_type: eventType,
    ...(eventType === 'purchase' && { amount: `${1 + random(150)}.${10 + random(90)}` }),
    event_ms: eventMs,
    received_ms: receivedMs,
  }
  // Money as digits: a JSON number that passes through a double may lose cents.
  const line = JSON.stringify(event).replace(/"amount":"([\d.]+)"/, '"amount":$1')
  return { partition: user % partitions, receivedMs, line }
}

function delayMs(index: number, random: (below: number) => number): number {
  if (index % 500 === 137) return 60 * HOUR_MS
  return index % 40 === 7 ? HOUR_MS + random(9 * HOUR_MS) : random(10 * 60_000)
}

/** Whole numbers in [0, below) from a seed: a sample needs no more than a linear congruential generator. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
