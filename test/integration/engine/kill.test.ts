/**
 * kill -9, thirty times: the command line runs over a log that another writer keeps appending to and dies at random moments.
 * Meanwhile a reader looks at the table, and between the deaths at the online store; at the end all sinks are what the
 * oracle says.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { OnlineValue, OnlineVersion } from '../../../src/engine/ports.ts'
import { FileLogWriter } from '../../../src/source/file-log-writer.ts'
import { expectSinksEqual } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { RealWorld, type TableReader } from './real-world.ts'

const ROUNDS = 30
/** From the start of a process to its death, at most: most of it is the start-up of the run time. */
const LIFE_MS = 2_200
const PARTITIONS = 2
const HOUR_MS = 3_600_000
const ROOT = path.join(import.meta.dirname, '../../..')

const PIPELINE = {
  name: 'killed',
  source: {
    files: './log',
    format: 'json',
    key: 'user',
    fields: { user: 'string', kind: 'string', amount: 'decimal(18,2)', weight: 'double' },
    event: { id: 'id', time: { field: 'at', format: 'ms' } },
  },
  time: { outOfOrderness: '1h', allowedLateness: '24h' },
  views: {
    activity: {
      entity: 'user',
      windows: ['1d', '3d', '7d'],
      features: {
        n: { count: '*' },
        buys: { count: '*', where: { kind: 'buy' } },
        spent: { sum: 'amount' },
        weight: { avg: 'weight' },
        last: { last: 'kind' },
      },
    },
  },
  sinks: {
    online: { leveldb: './online' },
    offline: { delta: './features', slots: 2, correctionsEvery: '1s' },
  },
  rejects: { limit: '100%' },
  state: './state',
  commit: { interval: '60ms' },
}

/** A small generator of numbers in [0, 1) from a seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

class PacedWriter {
  readonly log: RawPartition[] = []
  readonly #random: () => number
  readonly #writers: readonly FileLogWriter[]
  readonly #records: RawRecord[][]
  #clock = Date.UTC(2024, 2, 4)
  #written = 0

  private constructor(writers: readonly FileLogWriter[], random: () => number) {
    this.#writers = writers
    this.#random = random
    this.#records = writers.map(() => [])
    this.log = this.#records.map((records, partition) => ({ partition, records }))
  }

  static async open(directory: string, random: () => number): Promise<PacedWriter> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const writers = await Promise.all(
      partitions.map((partition) => FileLogWriter.open(directory, partition, 'log')),
    )
    return new PacedWriter(writers, random)
  }

  /** Until told to stop: a few records every few milliseconds, about a day of event time every half second. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      for (let i = 0; i < 3; i += 1) this.#append()
      await Promise.all(this.#writers.map((writer) => writer.flush()))
      await sleep(40)
    }
    await Promise.all(this.#writers.map((writer) => writer[Symbol.asyncDispose]()))
  }

  #append(): void {
    const random = this.#random
    this.#clock += random() * 1.3 * HOUR_MS
    const partition = Math.floor(random() * PARTITIONS)
    const late = random() < 0.15 ? random() * 40 * HOUR_MS : 0
    const number = (this.#written += 1)
    const event = {
      user: `p${partition} u${Math.floor(random() * 12)}`,
      kind: random() < 0.3 ? 'buy' : 'view',
      amount: (random() * 100).toFixed(2),
      weight: random(),
      id: `e${random() < 0.05 ? number - 2 : number}`,
      at: Math.floor(this.#clock - late),
    }
    const value = random() < 0.02 ? '{' : JSON.stringify(event)
    const timestamp = Math.floor(this.#clock)
    const offset = this.#writers[partition]?.append({ value: Buffer.from(value), timestamp }) ?? -1
    this.#records[partition]?.push({ offset, timestamp, key: null, value })
  }
}

function startEngine(world: RealWorld, ...args: readonly string[]): ChildProcess {
  const main = path.join(ROOT, 'src/cli/main.ts')
  return spawn(process.execPath, ['--import', 'tsx', main, 'run', '-f', world.file, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** Each reading: no (entity, day) twice, and no complete day that is not complete any more. */
class TableWatch {
  readings = 0
  readonly #reader: TableReader
  readonly #complete = new Map<number, number>()

  constructor(reader: TableReader) {
    this.#reader = reader
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#look()
      await sleep(250)
    }
  }

  async #look(): Promise<void> {
    const complete = await this.#reader.complete('activity_v1').catch(() => undefined)
    if (complete === undefined) return
    for (const [partition, day] of complete) {
      expect(day).toBeGreaterThanOrEqual(this.#complete.get(partition) ?? -Infinity)
      this.#complete.set(partition, day)
    }
    const rows = await this.#reader.read('activity_v1')
    const keys = rows.map((row) => JSON.stringify([row['ds'], row['user']]))
    expect(new Set(keys).size).toBe(keys.length)
    this.readings += 1
  }
}

function isOlder(a: OnlineVersion, b: OnlineVersion): boolean {
  return (a.generation - b.generation || a.offset - b.offset || a.day - b.day) < 0
}

test('kill -9 thirty times at random moments: nothing is lost, nothing is twice, nothing goes back', async () => {
  const seed = Date.now() & 0x7fff_ffff
  process.stdout.write(`kill -9: seed ${seed}\n`)
  const random = randomOf(seed)
  await using world = await RealWorld.create(JSON.stringify(PIPELINE))
  const writer = await PacedWriter.open(world.logDirectory, randomOf(seed + 1))
  await using reader = await world.tables()
  const watch = new TableWatch(reader)
  const stop = new AbortController()
  const beside = [writer.run(stop.signal), watch.run(stop.signal)]
  const served = new Map<string, OnlineVersion>()
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const engine = startEngine(world)
      const told: Buffer[] = []
      engine.stderr?.on('data', (bytes: Buffer) => told.push(bytes))
      await Promise.race([sleep(700 + random() * (LIFE_MS - 700)), once(engine, 'exit')])
      if (engine.exitCode !== null)
        throw new Error(`it stopped by itself: ${Buffer.concat(told).toString()}`)
      engine.kill('SIGKILL')
      await once(engine, 'exit')
      noteServed(served, await world.online(PARTITIONS))
    }
  } finally {
    stop.abort()
    await Promise.all(beside)
  }
  const last = startEngine(world, '--until-end')
  const told: Buffer[] = []
  last.stderr?.on('data', (bytes: Buffer) => told.push(bytes))
  const [code] = (await once(last, 'exit')) as [number | null]
  expect(`${code} ${Buffer.concat(told).toString()}`).toMatch(/^0 /)
  noteServed(served, await world.online(PARTITIONS))
  expect(served.size).toBeGreaterThan(0)
  expect(watch.readings).toBeGreaterThan(0)
  expectSinksEqual(recompute(world.pipeline, writer.log), await world.sinks(PARTITIONS))
})

/** Versions never go back, and no value is ever gone. */
function noteServed(served: Map<string, OnlineVersion>, values: readonly OnlineValue[]): void {
  const now = new Map(values.map(({ entity, version }) => [entity, version]))
  for (const [entity, before] of served) {
    const version = now.get(entity)
    if (version === undefined) throw new Error(`${entity} is gone from the online store`)
    if (isOlder(version, before)) {
      throw new Error(
        `${entity} went back: ${JSON.stringify(before)} to ${JSON.stringify(version)}`,
      )
    }
  }
  for (const [entity, version] of now) served.set(entity, version)
}
