/**
 * When the records of a scenario appear, and what the right wall clock says. The wall clock runs from one record's timestamp
 * to the next while the simulation passes seconds: silences of days take a minute, and idle partitions tick through them.
 */
import type { MemoryRecord } from '../src/memory/log.ts'
import type { Scenario } from '../test/support/random-log.ts'
import { valueBytes } from '../test/support/raw-record.ts'
import type { Chance } from './chance.ts'
import type { Plan } from './plan.ts'

const HOUR_MS = 3_600_000

export interface Appended {
  readonly atMs: number
  readonly partition: number
  readonly record: MemoryRecord
}

export class Timeline {
  /** In order of time. */
  readonly records: readonly Appended[]
  /** When the last silence ends. */
  readonly endMs: number
  /** Simulated time and wall clock, both ascending. */
  readonly #knots: readonly (readonly [atMs: number, wallMs: number])[]
  #at = 0

  constructor(scenario: Scenario, plan: Plan, chance: Chance) {
    const all = inOrderOfTime(scenario)
    const gapBefore = new Map(plan.gaps.map((ms) => [chance.integer(1, all.length), ms]))
    const records: Appended[] = []
    const knots: [number, number][] = []
    let atMs = 0
    for (const [i, { wallMs, ...rest }] of all.entries()) {
      atMs += gapBefore.get(i) ?? chance.scaled(1, chance.happens(0.3) ? 5 : 1_500)
      records.push({ atMs, ...rest })
      knots.push([atMs, wallMs])
    }
    const wallMs = knots.at(-1)?.[1] ?? Date.parse(`${scenario.around}T00:00:00Z`)
    // After the last record days may pass in silence.
    const silentMs = gapBefore.get(all.length) ?? 2_000
    const passedMs = chance.happens(0.5) ? silentMs : chance.integer(1, 90) * HOUR_MS
    this.endMs = atMs + silentMs
    knots.push([atMs + 1, wallMs], [this.endMs, wallMs + passedMs])
    this.records = records
    this.#knots = knots
  }

  /** Asked with ascending times. */
  wallMs(nowMs: number): number {
    const knots = this.#knots
    while (this.#at + 1 < knots.length && (knots[this.#at + 1]?.[0] ?? Infinity) <= nowMs)
      this.#at += 1
    const [fromMs, fromWall] = knots[this.#at] ?? [0, 0]
    const next = knots[this.#at + 1]
    if (next === undefined || nowMs < fromMs) return fromWall + (nowMs - fromMs)
    const share = (nowMs - fromMs) / Math.max(1e-9, next[0] - fromMs)
    return fromWall + (next[1] - fromWall) * share
  }
}

function inOrderOfTime({ partitions }: Scenario): {
  readonly wallMs: number
  readonly partition: number
  readonly record: MemoryRecord
}[] {
  const encoder = new TextEncoder()
  return partitions
    .flatMap(({ partition, records }) => {
      let wallMs = records.find(({ timestamp }) => !Number.isNaN(timestamp))?.timestamp ?? 0
      return records.map((raw) => {
        if (!Number.isNaN(raw.timestamp)) wallMs = Math.max(wallMs, raw.timestamp)
        const record: MemoryRecord = {
          offset: raw.offset,
          timestamp: raw.timestamp,
          key: raw.key === null ? null : encoder.encode(raw.key),
          value: valueBytes(raw),
          headers: [],
        }
        return { wallMs, partition, record }
      })
    })
    .sort(
      (a, b) =>
        a.wallMs - b.wallMs || a.partition - b.partition || a.record.offset - b.record.offset,
    )
}
