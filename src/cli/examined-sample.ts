/** A sample of the log, decoded: what the doctor's questions are put to. */
import type { Pipeline } from '../core/definition.ts'
import { Decoded, position } from '../core/event.ts'
import type { EventBatch } from '../core/event.ts'
import { planViews } from '../core/view-plan.ts'
import { formatValue } from '../core/text.ts'
import type { Decoder, RecordSource } from '../engine/ports.ts'
import { KeyTally } from './key-tally.ts'
import type { KeyFacts } from './key-tally.ts'
import { readSample } from './sample.ts'
import type { SamplePart } from './sample.ts'

export interface ExaminedSample {
  readonly records: number
  readonly events: number
  readonly tombstones: number
  /** Reason -> how many, and one of them in words. */
  readonly refused: ReadonlyMap<string, { readonly count: number; readonly example: string }>
  /** Per partition, in the order of its log. */
  readonly eventTimes: readonly (readonly number[])[]
  /** Events with all fields of the source's key. */
  readonly keyed: number
  readonly keys: KeyFacts
  /** The latest timestamp of a record, ms; undefined where none has one. */
  readonly newestTimestamp: number | undefined
}

export async function examine(
  pipeline: Pipeline,
  { source, decoder }: { readonly source: RecordSource; readonly decoder: Decoder },
  parts: readonly SamplePart[],
): Promise<ExaminedSample> {
  const { partitions } = await source.topology()
  const tally = new Tally(pipeline, source.topic, partitions)
  for (const part of parts) {
    tally.beginPartition(part.partition)
    for await (const batch of readSample(source, part)) {
      await decoder.prepare?.(batch)
      tally.take(decoder.decode(batch))
    }
  }
  return tally.sample
}

class Tally {
  readonly #pipeline: Pipeline
  readonly #topic: string
  readonly #keyFields: readonly number[]
  readonly #usedFields: readonly number[]
  readonly #refused = new Map<string, { count: number; example: string }>()
  readonly #times: number[][] = []
  readonly #keys: KeyTally
  #partition = 0
  #records = 0
  #events = 0
  #tombstones = 0
  #keyed = 0
  #newestTimestamp = -Infinity

  constructor(pipeline: Pipeline, topic: string, partitions: number) {
    this.#pipeline = pipeline
    this.#topic = topic
    this.#keys = new KeyTally(partitions)
    const views = planViews(pipeline)
    this.#keyFields = views[0]?.keyFields ?? []
    this.#usedFields = [
      ...new Set(views.flatMap(({ fieldsUsed }) => fieldsUsed.map(({ field }) => field))),
    ]
  }

  get sample(): ExaminedSample {
    return {
      records: this.#records,
      events: this.#events,
      tombstones: this.#tombstones,
      refused: this.#refused,
      eventTimes: this.#times,
      keyed: this.#keyed,
      keys: this.#keys.facts,
      newestTimestamp: Number.isFinite(this.#newestTimestamp) ? this.#newestTimestamp : undefined,
    }
  }

  beginPartition(partition: number): void {
    this.#partition = partition
    this.#times.push([])
  }

  take(events: EventBatch): void {
    this.#records += events.records.count
    for (let i = 0; i < events.records.count; i += 1) this.#takeRecord(events, i)
  }

  #takeRecord(events: EventBatch, i: number): void {
    this.#keys.takeRecord(recordKeyOf(events, i), this.#partition)
    const timestamp = events.records.timestamps[i] ?? NaN
    if (timestamp > this.#newestTimestamp) this.#newestTimestamp = timestamp
    const outcome = events.outcomes[i]
    if (outcome === Decoded.TOMBSTONE) this.#tombstones += 1
    else if (outcome === Decoded.EVENT) this.#takeEvent(events, i)
    else {
      const reason = outcome === Decoded.BAD_TIMESTAMP ? 'bad_timestamp' : 'undecodable'
      this.#refuse(events, i, reason, events.problems.get(i) ?? reason)
    }
  }

  #takeEvent(events: EventBatch, i: number): void {
    this.#events += 1
    const time = events.eventTimes[i] ?? NaN
    const timestamp = events.records.timestamps[i] ?? NaN
    if (time > timestamp + this.#pipeline.time.maxFutureMs) {
      const message = `event time ${new Date(time).toISOString()}, record timestamp ${new Date(timestamp).toISOString()}`
      this.#refuse(events, i, 'future', message)
      return
    }
    this.#times.at(-1)?.push(time)
    const wrong = this.#usedFields.find((field) => events.columns[field]?.[i] === undefined)
    const { fields } = this.#pipeline.source
    if (wrong !== undefined) {
      this.#refuse(
        events,
        i,
        'bad_field',
        `${fields[wrong]?.name ?? ''} has another type than declared`,
      )
    }
    this.#takeKey(events, i)
  }

  #takeKey(events: EventBatch, i: number): void {
    const texts: string[] = []
    for (const field of this.#keyFields) {
      const value = events.columns[field]?.[i] ?? null
      const type = this.#pipeline.source.fields[field]?.type
      if (value === null || type === undefined) {
        this.#refuse(events, i, 'missing_key', `${this.#pipeline.source.key.join(', ')} is missing`)
        return
      }
      texts.push(formatValue(value, type))
    }
    this.#keyed += 1
    this.#keys.takeEvent(texts.join('|'), recordKeyOf(events, i), this.#partition)
  }

  #refuse({ records }: EventBatch, i: number, reason: string, message: string): void {
    const known = this.#refused.get(reason)
    if (known) known.count += 1
    else {
      const where = position(this.#topic, this.#partition, records.offsets[i] ?? 0)
      this.#refused.set(reason, { count: 1, example: `${where}: ${message}` })
    }
  }
}

/** A view of the batch's bytes; undefined: the record has none. */
export function recordKeyOf({ records }: EventBatch, i: number): Uint8Array | undefined {
  const start = records.keyStarts[i] ?? -1
  return start < 0 ? undefined : records.bytes.subarray(start, records.keyEnds[i])
}
