/** A writer that keeps appending to a log at a steady rate while others read it, and knows what it wrote. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../../bench/random.ts'
import { FileLogWriter } from '../../../src/source/file-log-writer.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { valueBytes } from '../../support/raw-record.ts'

const HOUR_MS = 3_600_000

/** Takes records of one partition; durable, with their offsets, when it resolves. */
export interface LogAppender extends AsyncDisposable {
  append(partition: number, records: readonly RawRecord[]): Promise<readonly number[]>
}

export interface Pace {
  readonly partitions: number
  readonly recordsPerRound: number
  readonly roundMs: number
  /** Of event time, between two records, on average. */
  readonly stepMs: number
  /** In each partition. */
  readonly users?: number
}

export class PacedWriter {
  readonly log: readonly RawPartition[]
  readonly #random: Random
  readonly #appender: LogAppender
  readonly #pace: Pace
  readonly #records: RawRecord[][]
  #clock = Date.UTC(2024, 2, 4)
  #written = 0

  constructor(appender: LogAppender, random: Random, pace: Pace) {
    this.#appender = appender
    this.#random = random
    this.#pace = pace
    this.#records = Array.from({ length: pace.partitions }, () => [])
    this.log = this.#records.map((records, partition) => ({ partition, records }))
  }

  get written(): number {
    return this.#written
  }

  /** Until told to stop: a few records every few milliseconds. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.write(this.#pace.recordsPerRound)
      await sleep(this.#pace.roundMs)
    }
  }

  async write(count: number): Promise<void> {
    const drafts = this.#records.map((): RawRecord[] => [])
    for (let i = 0; i < count; i += 1) {
      const partition = this.#random.below(this.#pace.partitions)
      drafts[partition]?.push(this.#next(partition))
    }
    await Promise.all(
      drafts.map(async (records, partition) => {
        if (records.length === 0) return
        const offsets = await this.#appender.append(partition, records)
        records.forEach((record, i) => {
          this.#records[partition]?.push({ ...record, offset: offsets[i] ?? NaN })
        })
      }),
    )
  }

  #next(partition: number): RawRecord {
    const random = this.#random
    this.#clock += random.next() * 2 * this.#pace.stepMs
    const late = random.next() < 0.15 ? random.next() * 40 * HOUR_MS : 0
    const number = (this.#written += 1)
    const user = `p${partition} u${random.below(this.#pace.users ?? 12)}`
    const event = {
      user,
      kind: random.next() < 0.3 ? 'buy' : 'view',
      amount: (random.next() * 100).toFixed(2),
      weight: random.next(),
      id: `e${random.next() < 0.05 ? number - 2 : number}`,
      at: Math.floor(this.#clock - late),
    }
    const value = random.next() < 0.02 ? '{' : JSON.stringify(event)
    return { offset: NaN, timestamp: Math.floor(this.#clock), key: user, value }
  }
}

/** A directory of framed files, one per partition. */
export class FileAppender implements LogAppender {
  readonly #writers: readonly FileLogWriter[]

  private constructor(writers: readonly FileLogWriter[]) {
    this.#writers = writers
  }

  static async open(directory: string, partitions: number): Promise<FileAppender> {
    const numbers = Array.from({ length: partitions }, (_, partition) => partition)
    return new FileAppender(
      await Promise.all(
        numbers.map((partition) => FileLogWriter.open(directory, partition, 'log')),
      ),
    )
  }

  async append(partition: number, records: readonly RawRecord[]): Promise<number[]> {
    const writer = this.#writers[partition]
    if (writer === undefined) throw new Error(`partition ${partition}`)
    const offsets = records.map((record) => {
      const key = record.key === null ? null : Buffer.from(record.key)
      return writer.append({ key, value: valueBytes(record), timestamp: record.timestamp })
    })
    await writer.flush()
    return offsets
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer[Symbol.asyncDispose]()))
  }
}
