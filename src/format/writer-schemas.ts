/**
 * The schemas that records were written with, learned from the registry batch by batch and kept for ever: an id never gets
 * another schema.
 *
 * What becomes of an id that the registry does not know must not depend on when it was asked. A registry gives an id out
 * before a record can name it, so the only honest reason not to know it is that the news has not arrived there yet. So a batch
 * waits until the id is known or its newest record that names it is a minute old; then the id is wrong, and the records that
 * name it are undecodable, as long as the registry keeps what it has. "Not known" is never kept: a later batch asks again, since the id may
 * have been given out since. And it counts only from a registry that has the subject of the pipeline: one that lost its
 * schemas, or is another one, makes the log wait and rejects nothing.
 */
import type { RecordBatch } from '../core/event.ts'
import type { Clock, SchemaSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { compileWriter } from './avro-writer.ts'
import type { Need, Writer } from './avro-writer.ts'
import { schemaIdAt } from './wire-format.ts'

/** After it, a registry that does not know an id will never have known it. */
const UNKNOWN_AFTER_MS = 60_000
const CONCURRENT_MAX = 8

export interface WriterSchemaParts {
  readonly schemas: SchemaSource
  readonly clock: Clock
  readonly subject: string
  readonly needs: readonly Need[]
}

/** Undefined: not known; a text: why records of this schema cannot be read. */
export type FoundWriter = Writer | string | undefined

export class WriterSchemas {
  readonly #parts: WriterSchemaParts
  readonly #known = new Map<number, Writer | string>()
  readonly #asking = new Map<number, Promise<boolean>>()
  /** Monotonic ms: when the schemas of a batch were first asked for. */
  readonly #firstAsked = new WeakMap<RecordBatch, number>()

  constructor(parts: WriterSchemaParts) {
    this.#parts = parts
  }

  get(id: number): FoundWriter {
    return this.#known.get(id)
  }

  /** Undefined where nothing is missing. @throws SCHEMA_UNAVAILABLE (retry), SCHEMA_REFUSED */
  prepare(batch: RecordBatch): Promise<void> | undefined {
    const missing = this.#missing(batch)
    return missing.size === 0 ? undefined : this.#learn(batch, missing)
  }

  /** Ids with the largest timestamp of a record that names them; infinite where one has none. */
  #missing({ count, bytes, valueStarts, valueEnds, timestamps }: RecordBatch): Map<number, number> {
    const missing = new Map<number, number>()
    let last: number | undefined
    for (let at = 0; at < count; at += 1) {
      const start = valueStarts[at]!
      if (start < 0) continue
      const id = schemaIdAt(bytes, start, valueEnds[at]!)
      if (id === undefined || id === last) continue
      if (this.#known.has(id)) last = id
      else {
        const timestamp = timestamps[at]!
        const newest = Number.isNaN(timestamp) ? Infinity : timestamp
        missing.set(id, Math.max(newest, missing.get(id) ?? -Infinity))
      }
    }
    return missing
  }

  async #learn(batch: RecordBatch, missing: ReadonlyMap<number, number>): Promise<void> {
    const { clock, schemas, subject } = this.#parts
    const firstAsked = this.#firstAsked.get(batch) ?? clock.monotonicMs()
    this.#firstAsked.set(batch, firstAsked)
    const waiting = [...missing.keys()]
    const unknown: number[] = []
    const ask = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        const askedSince = clock.monotonicMs() - firstAsked
        const age = clock.wallMs() - (missing.get(id) ?? Infinity)
        if (await this.#ask(id)) continue
        if (Math.max(age, askedSince) < UNKNOWN_AFTER_MS) throw notYetKnown(id)
        unknown.push(id)
      }
    }
    await Promise.all(Array.from({ length: CONCURRENT_MAX }, ask))
    const [first] = unknown
    if (first !== undefined && (await schemas.latest(subject)) === undefined) {
      throw new TidemarkError(
        'SCHEMA_UNAVAILABLE',
        `the schema registry knows neither schema ${first}, which records name, nor the subject ${subject}. ` +
          'Is it the registry that the records were written with, and has it lost its schemas? Nothing is rejected meanwhile',
      )
    }
  }

  /** Once at a time for each id. */
  #ask(id: number): Promise<boolean> {
    const asking =
      this.#asking.get(id) ?? this.#find(id).finally(() => void this.#asking.delete(id))
    this.#asking.set(id, asking)
    return asking
  }

  async #find(id: number): Promise<boolean> {
    const { schemas, needs } = this.#parts
    const schema = await schemas.schema(id)
    if (schema === undefined) return false
    try {
      this.#known.set(id, compileWriter(schema, needs))
    } catch (cause) {
      this.#known.set(id, `schema ${id} cannot be used: ${(cause as Error).message}`)
    }
    return true
  }
}

function notYetKnown(id: number): TidemarkError {
  return new TidemarkError(
    'SCHEMA_UNAVAILABLE',
    `the schema registry does not know schema ${id}, which a new record names; it is asked again until the record is ${UNKNOWN_AFTER_MS / 1000} s old`,
  )
}
