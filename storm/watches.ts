/** Readers amid the storm: what they see at any moment must hold. What they cannot read now, they read later. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pipeline } from '../src/core/definition.ts'
import {
  envelopeFaults,
  RawRedis,
  type RawValue,
} from '../test/integration/engine/online-reader.ts'
import { VersionWatch } from '../test/integration/engine/sink-watch.ts'
import type { TableReader } from '../test/integration/engine/table-reader.ts'

const LOOK_MS = 400

/** Redis: envelopes agree with themselves, versions never go back, and no value is ever gone, unless Redis lost it. */
export class OnlineWatch implements Disposable {
  readings = 0
  readonly #pipeline: Pipeline
  readonly #redis: RawRedis
  #versions = new VersionWatch()
  #losses = 0

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
    this.#redis = new RawRedis(pipeline)
  }

  /** Redis has lost, or is about to lose, what it had. */
  lost(): void {
    this.#losses += 1
    this.#versions = new VersionWatch()
  }

  /** @throws where what is seen cannot be */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const losses = this.#losses
      const seen = await this.#redis.values().catch((error: unknown) => error)
      // A reading amid a loss is of no time at all.
      if (losses === this.#losses) this.#check(seen)
      await sleep(LOOK_MS)
    }
  }

  #check(seen: unknown): void {
    if (!Array.isArray(seen)) {
      // A client says so of a server that does not answer; a hash without a version was read.
      if (seen instanceof Error && seen.message.includes('_version')) throw seen
      return
    }
    const values = seen as readonly RawValue[]
    const faults = values.flatMap((value) => envelopeFaults(this.#pipeline, value))
    if (faults.length > 0) throw new Error(`Redis holds ${faults.slice(0, 5).join('; ')}`)
    this.#versions.note(values)
    this.readings += 1
  }

  [Symbol.dispose](): void {
    this.#redis[Symbol.dispose]()
  }
}

/** The table: no (entity, day) twice, and no complete day that is not complete any more. */
export class TableWatch {
  readings = 0
  readonly #reader: TableReader
  readonly #view: string
  readonly #complete = new Map<number, number>()

  constructor(reader: TableReader, view: string) {
    this.#reader = reader
    this.#view = view
  }

  /** @throws where what is seen cannot be */
  async look(): Promise<void> {
    for (const [partition, day] of await this.#reader.complete(this.#view)) {
      const before = this.#complete.get(partition) ?? -Infinity
      if (day < before) throw new Error(`[${partition}] was complete to ${before}, is to ${day}`)
      this.#complete.set(partition, day)
    }
    const rows = await this.#reader.read(this.#view)
    const keys = rows.map((row) => JSON.stringify([row['ds'], row['user']]))
    if (new Set(keys).size !== keys.length) throw new Error('the table holds a row twice')
    this.readings += 1
  }
}
