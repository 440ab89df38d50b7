/**
 * The producer that never stops: plain batches in every codec, transactions that interleave with them, aborted ones. While the broker is away it
 * tries again and again. What it wrote is not asked of it: after a dead broker it may not know; the topic does (`read-topic.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../bench/random.ts'
import { Traffic } from '../test/integration/engine/paced-log.ts'
import { TopicWriter } from '../test/integration/engine/topic-writer.ts'
import type { RawPartition, RawRecord } from '../test/support/raw-record.ts'

const HOUR_MS = 3_600_000
const RECORDS_PER_ROUND = 8
const ROUND_MS = 40
const RETRY_MS = 200
/** A day of event time in about 1.5 seconds. */
const STEP_MS = 0.12 * HOUR_MS

export class StormProducer {
  readonly topic: string
  readonly #bootstrap: string
  readonly #partitions: number
  readonly #random: Random
  readonly #traffic: Traffic
  #writer: TopicWriter | undefined
  #ghosts = 0
  acknowledged = 0
  /** The offset after the last record that was acknowledged, by partition. */
  readonly ends: number[]
  /** Times that the broker was away. */
  outages = 0

  private constructor(
    place: { readonly bootstrap: string; readonly partitions: number },
    writer: TopicWriter,
    random: Random,
  ) {
    this.#bootstrap = place.bootstrap
    this.#partitions = place.partitions
    this.#writer = writer
    this.topic = writer.topic
    this.#random = random
    this.ends = Array.from({ length: place.partitions }, () => 0)
    this.#traffic = new Traffic(random, { stepMs: STEP_MS, users: 8 })
  }

  /** Makes the topic. */
  static async create(
    place: { readonly bootstrap: string; readonly partitions: number },
    random: Random,
  ): Promise<StormProducer> {
    const writer = await TopicWriter.create(place.bootstrap, place.partitions)
    return new StormProducer(place, writer, random)
  }

  /** Records that were aborted. */
  get ghosts(): number {
    return this.#ghosts + (this.#writer?.ghosts ?? 0)
  }

  nextOf(partition: number): RawRecord {
    return this.#traffic.next(partition)
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        const writer = await this.#open()
        const written = await writer.write(this.#draft(), this.#random)
        for (const { partition, records } of written) {
          this.acknowledged += records.length
          this.ends[partition] = Math.max(...records.map(({ offset }) => offset + 1))
        }
        await sleep(ROUND_MS)
      } catch {
        this.outages += 1
        await this.#close()
        await sleep(RETRY_MS)
      }
    }
  }

  /** A last record in every partition: what stands before it is there. @returns the offset after it, by partition */
  async end(): Promise<number[]> {
    const ends: number[] = []
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const writer = await this.#open()
      const [offset = NaN] = await writer.append(partition, [this.nextOf(partition)])
      ends.push(offset + 1)
    }
    await this.#close()
    return ends
  }

  async #open(): Promise<TopicWriter> {
    return (this.#writer ??= await TopicWriter.open(this.#bootstrap, this.topic))
  }

  async #close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    this.#ghosts += writer?.ghosts ?? 0
    await writer?.[Symbol.asyncDispose]()
  }

  /** A few records of some partitions. */
  #draft(): RawPartition[] {
    const records = Array.from({ length: this.#partitions }, (): RawRecord[] => [])
    for (let i = 0; i < RECORDS_PER_ROUND; i += 1) {
      const partition = this.#random.below(this.#partitions)
      records[partition]?.push(this.#traffic.next(partition))
    }
    return records.flatMap((of, partition) => (of.length === 0 ? [] : [{ partition, records: of }]))
  }
}
