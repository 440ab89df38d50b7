/** Readers beside an engine that dies and comes back: what they see at any moment must hold. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Pipeline } from '../../../src/core/definition.ts'
import type { OnlineVersion } from '../../../src/engine/ports.ts'
import { envelopeFaults, RawRedis } from './online-reader.ts'
import type { TableReader } from './table-reader.ts'

/** Each reading: no (entity, day) twice, and no complete day that is not complete any more. */
export class TableWatch {
  readings = 0
  readonly #reader: TableReader
  readonly #view: string
  readonly #complete = new Map<number, number>()

  constructor(reader: TableReader, view: string) {
    this.#reader = reader
    this.#view = view
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#look()
      await sleep(400)
    }
  }

  async #look(): Promise<void> {
    const complete = await this.#reader.complete(this.#view).catch(() => undefined)
    if (complete === undefined) return
    for (const [partition, day] of complete) {
      expect(day).toBeGreaterThanOrEqual(this.#complete.get(partition) ?? -Infinity)
      this.#complete.set(partition, day)
    }
    const rows = await this.#reader.read(this.#view)
    const keys = rows.map((row) => JSON.stringify([row['ds'], row['user']]))
    expect(new Set(keys).size).toBe(keys.length)
    this.readings += 1
  }
}

interface Versioned {
  readonly view: string
  readonly entity: string
  readonly version: OnlineVersion
}

/** Versions never go back, and no value is ever gone. */
export class VersionWatch {
  readonly #seen = new Map<string, OnlineVersion>()

  get size(): number {
    return this.#seen.size
  }

  /** @returns how many values are newer than they were */
  note(values: readonly Versioned[]): number {
    const now = new Map(values.map(({ view, entity, version }) => [`${view} ${entity}`, version]))
    for (const [name, before] of this.#seen) {
      const version = now.get(name)
      if (version === undefined) throw new Error(`${name} is gone from the online store`)
      if (isOlder(version, before)) {
        const [from, to] = [before, version].map((one) => JSON.stringify(one))
        throw new Error(`${name} went back: ${from} to ${to}`)
      }
    }
    let newer = 0
    for (const [name, version] of now) {
      const before = this.#seen.get(name)
      if (before === undefined || isOlder(before, version)) newer += 1
      this.#seen.set(name, version)
    }
    return newer
  }
}

function isOlder(a: OnlineVersion, b: OnlineVersion): boolean {
  return (a.generation - b.generation || a.offset - b.offset || a.day - b.day) < 0
}

/** Redis, again and again: versions, and envelopes that agree with themselves. */
export class RedisWatch {
  readings = 0
  newer = 0
  readonly #pipeline: Pipeline
  readonly #versions = new VersionWatch()

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
  }

  async run(stop: AbortSignal): Promise<void> {
    using redis = new RawRedis(this.#pipeline)
    while (!stop.aborted) {
      const values = await redis.values()
      expect(values.flatMap((value) => envelopeFaults(this.#pipeline, value))).toEqual([])
      this.newer += this.#versions.note(values)
      this.readings += 1
      await sleep(200)
    }
  }
}
