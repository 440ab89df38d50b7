/**
 * The record that holds a watermark, as far as the log still has it, and what came after it: the evidence from which one
 * tells an honest newest event from one with a wrong time.
 */
import type { Pipeline } from '../core/definition.ts'
import { Decoded } from '../core/event.ts'
import type { EventBatch, RecordBatch } from '../core/event.ts'
import { formatValue } from '../core/text.ts'
import type { Clock, Decoder, PartitionReader, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'

export interface Holder {
  /** Its own; undefined where records have none, or the log no longer has the record. */
  readonly timestamp: number | undefined
  /** Values of the fields that the log is keyed by; undefined where it cannot be read. */
  readonly key: string | undefined
  /** Why it cannot be shown, in words. */
  readonly missing: string | undefined
  /** Events behind it in the log that were looked at. */
  readonly after: { readonly eventTimes: readonly number[] }
}

export interface HolderPlace {
  readonly partition: number
  readonly offset: number
  readonly eventTime: number
  /** Where the state stands: what is behind it has moved nothing yet. */
  readonly nextOffset: number
}

const AFTER_RECORDS_MAX = 2_000
const READ_BYTES = 256 * 1024
/** A log behind a network may have nothing at hand yet. */
const READ_PATIENCE_MS = 10_000
const READ_AGAIN_MS = 20

export async function readHolder(
  parts: {
    readonly pipeline: Pipeline
    readonly source: RecordSource
    readonly decoder: Decoder
    readonly clock: Clock
  },
  place: HolderPlace,
): Promise<Holder> {
  try {
    await using reader = await parts.source.open(place.partition, place.offset)
    const found = new Findings(parts.pipeline, place)
    for (let next = place.offset; next < place.nextOffset && !found.enough;) {
      const batch = await readSoon(reader, parts.clock)
      if (batch === undefined) break
      await parts.decoder.prepare?.(batch)
      found.take(parts.decoder.decode(batch))
      next = batch.nextOffset
    }
    return found.holder
  } catch (error) {
    // The watermark is in the state, whatever has become of the record.
    if (!(error instanceof TidemarkError)) throw error
    const missing =
      error.code === 'OFFSET_GONE' ? 'the log no longer has the record' : error.message
    return { timestamp: undefined, key: undefined, missing, after: { eventTimes: [] } }
  }
}

export async function readSoon(
  reader: PartitionReader,
  clock: Clock,
): Promise<RecordBatch | undefined> {
  const end = clock.monotonicMs() + READ_PATIENCE_MS
  for (;;) {
    const batch = await reader.read(READ_BYTES)
    if (batch !== undefined) return batch
    if (clock.monotonicMs() > end) return undefined
    await clock.sleep(READ_AGAIN_MS)
  }
}

class Findings {
  readonly #pipeline: Pipeline
  readonly #place: HolderPlace
  readonly #eventTimes: number[] = []
  #own: Pick<Holder, 'timestamp' | 'key' | 'missing'> = {
    timestamp: undefined,
    key: undefined,
    missing: 'the log no longer has the record',
  }

  constructor(pipeline: Pipeline, place: HolderPlace) {
    this.#pipeline = pipeline
    this.#place = place
  }

  get enough(): boolean {
    return this.#eventTimes.length >= AFTER_RECORDS_MAX
  }

  get holder(): Holder {
    return { ...this.#own, after: { eventTimes: this.#eventTimes } }
  }

  take(events: EventBatch): void {
    const { records, outcomes, eventTimes } = events
    const { offset: own, nextOffset } = this.#place
    for (let i = 0; i < records.count && !this.enough; i += 1) {
      const offset = records.offsets[i] as number
      if (offset >= nextOffset) return
      if (offset === own) this.#takeOwn(events, i)
      else if (outcomes[i] === Decoded.EVENT) this.#eventTimes.push(eventTimes[i] as number)
    }
  }

  #takeOwn({ records, columns, outcomes, eventTimes }: EventBatch, i: number): void {
    if (outcomes[i] !== Decoded.EVENT || eventTimes[i] !== this.#place.eventTime) {
      this.#own = { ...this.#own, missing: 'another record stands there now' }
      return
    }
    const timestamp = records.timestamps[i] as number
    const { key, fields } = this.#pipeline.source
    const texts = key.map((name) => {
      const index = fields.findIndex((field) => field.name === name)
      const value = columns[index]?.[i] ?? null
      const type = fields[index]?.type
      return value === null || type === undefined ? '?' : formatValue(value, type)
    })
    this.#own = {
      timestamp: Number.isNaN(timestamp) ? undefined : timestamp,
      key: texts.join('|'),
      missing: undefined,
    }
  }
}
