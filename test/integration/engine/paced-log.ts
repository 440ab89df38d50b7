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

/** The records of a day and the next: late ones among them, repeated ids, and a few that nobody can read. */
export class Traffic {
  readonly #random: Random
  readonly #pace: Pick<Pace, 'stepMs' | 'users'>
  #clock = Date.UTC(2024, 2, 4)
  #made = 0

  constructor(random: Random, pace: Pick<Pace, 'stepMs' | 'users'>) {
    this.#random = random
    this.#pace = pace
  }

  get made(): number {
    return this.#made
  }

  next(partition: number): RawRecord {
    const random = this.#random
    this.#clock += random.next() * 2 * this.#pace.stepMs
    const late = random.next() < 0.15 ? random.next() * 40 * HOUR_MS : 0
    const number = (this.#made += 1)
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

export class PacedWriter {
  readonly log: readonly RawPartition[]
  readonly #random: Random
  readonly #appender: LogAppender
  readonly #pace: Pace
  readonly #records: RawRecord[][]
  readonly #traffic: Traffic

  constructor(appender: LogAppender, random: Random, pace: Pace) {
    this.#appender = appender
    this.#random = random
    this.#pace = pace
    this.#records = Array.from({ length: pace.partitions }, () => [])
    this.log = this.#records.map((records, partition) => ({ partition, records }))
    this.#traffic = new Traffic(random, pace)
  }

  get written(): number {
    return this.#traffic.made
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
      drafts[partition]?.push(this.#traffic.next(partition))
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
