/** A sample of the log, decoded: what the doctor's questions are put to. */
import type { Pipeline } from '../core/definition.ts'
import { Decoded, position } from '../core/event.ts'
import type { EventBatch } from '../core/event.ts'
import { planViews } from '../core/view-plan.ts'
import { formatValue } from '../core/text.ts'
import type { Decoder, RecordSource } from '../engine/ports.ts'
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
  /** Of the events whose record has a key: how many have those bytes as the text of the key fields. */
  readonly keyBytes: { readonly compared: number; readonly equal: number; readonly example: string }
  /** Keys that were seen in more than one partition. */
  readonly scattered: readonly string[]
}

export async function examine(
  pipeline: Pipeline,
  { source, decoder }: { readonly source: RecordSource; readonly decoder: Decoder },
  parts: readonly SamplePart[],
): Promise<ExaminedSample> {
  const tally = new Tally(pipeline, source.topic)
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
  readonly #homes = new Map<string, number>()
  readonly #scattered = new Set<string>()
  readonly #keyBytes = { compared: 0, equal: 0, example: '' }
  #partition = 0
  #records = 0
  #events = 0
  #tombstones = 0
  #keyed = 0

  constructor(pipeline: Pipeline, topic: string) {
    this.#pipeline = pipeline
    this.#topic = topic
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
      keyBytes: this.#keyBytes,
      scattered: [...this.#scattered],
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
    const key = texts.join('|')
    const home = this.#homes.get(key)
    if (home === undefined) this.#homes.set(key, this.#partition)
    else if (home !== this.#partition) this.#scattered.add(key)
    this.#compareBytes(events, i, key)
  }

  #compareBytes({ records }: EventBatch, i: number, key: string): void {
    const start = records.keyStarts[i] ?? -1
    if (start < 0) return
    const bytes = records.bytes.toString('utf8', start, records.keyEnds[i])
    this.#keyBytes.compared += 1
    if (bytes === key) this.#keyBytes.equal += 1
    else this.#keyBytes.example ||= `key ${JSON.stringify(bytes)}, field ${JSON.stringify(key)}`
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
