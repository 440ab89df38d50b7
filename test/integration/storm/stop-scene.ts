/**
 * A process of `tidemark run` on a real topic, Redis and disk, with a producer that goes on, for the faults that stop it by
 * contract: that it ends by itself and soon, the one message that it ends with, and that nothing was lost.
 */
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { createRandom } from '../../../bench/random.ts'
import { startCli, type Started } from '../../support/cli-process.ts'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawPartition } from '../../support/raw-record.ts'
import { sharedKafka, sharedRedis, uniqueName } from '../../support/servers.ts'
import { onServers } from '../engine/killed-pipeline.ts'
import { RawRedis } from '../engine/online-reader.ts'
import { PacedWriter } from '../engine/paced-log.ts'
import { RealWorld } from '../engine/real-world.ts'
import { deadLettersOf } from '../engine/topic-writer.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'
import { PlainAppender } from './plain-appender.ts'
import { SEED } from '../../support/seed.ts'

/** Quick at first, then slow: what a busy machine makes of a test is no more work for the oracle. */
const PACE = { recordsPerRound: 6, roundMs: 20, stepMs: 0.3 * 3_600_000 }
const SLOW_MS = 400
const QUICK_RECORDS = 300
/** Seconds, and what a machine that is busy makes of them. */
const STOPS_WITHIN_MS = 40_000
/** By a producer, so that there is something to compare. */
const WRITTEN_MIN = 200

/** Absolute directories; by default all lie in that of the world. */
export interface Places {
  readonly state?: string
  readonly tables?: string
  readonly checkpoints?: string
}

export interface Stop {
  readonly code: string
  readonly message: string
  /** From the call to the end of the process. */
  readonly seconds: number
}

interface Producing {
  readonly written: number
  readonly write: (records: number) => Promise<void>
  readonly end: () => Promise<readonly RawPartition[]>
}

export class StopScene implements AsyncDisposable {
  readonly clients: KafkaClients
  readonly #bootstrap: string
  readonly #places: Places
  readonly #worlds: RealWorld[] = []
  readonly #running: Started[] = []
  #topic = uniqueName('stops')
  #partitions = 2
  #records: RawPartition[] = []
  #producing: Producing | undefined

  /** Two partitions, and a producer that fills them. */
  static async create(places: Places = {}): Promise<StopScene> {
    const { bootstrap } = await sharedKafka()
    const scene = new StopScene(bootstrap, places)
    await scene.clients.createTopic(scene.topic, scene.#partitions, { 'retention.ms': '-1' })
    await scene.#addWorld(deadLettersOf(scene.topic), {})
    await scene.produce()
    return scene
  }

  private constructor(bootstrap: string, places: Places) {
    this.#bootstrap = bootstrap
    this.#places = places
    this.clients = new KafkaClients(bootstrap)
  }

  get topic(): string {
    return this.#topic
  }

  /** Where the run is that was begun last. */
  get world(): RealWorld {
    const world = this.#worlds.at(-1)
    if (world === undefined) throw new Error('a world')
    return world
  }

  stateOf(partition: number): string {
    return path.join(this.world.pipeline.state, `partition-${partition}`)
  }

  // --- the producer ------------------------------------------------------------------------------------------------

  /** Goes on until `rest`. */
  async produce(): Promise<void> {
    await this.rest()
    const appender = await PlainAppender.open(this.clients, this.topic)
    const writer = new PacedWriter(appender, createRandom(SEED), {
      ...PACE,
      partitions: this.#partitions,
    })
    const stop = new AbortController()
    const writing = (async () => {
      while (!stop.signal.aborted) {
        await writer.write(PACE.recordsPerRound)
        await sleep(writer.written < QUICK_RECORDS ? PACE.roundMs : SLOW_MS)
      }
    })()
    // Thrown by whoever waits for its end.
    writing.catch(() => undefined)
    this.#producing = {
      get written() {
        return writer.written
      },
      write: (records) => writer.write(records),
      end: async () => {
        stop.abort()
        await writing
        return writer.log
      },
    }
  }

  /** So many records at once, beside what the producer does anyway; nothing while it rests. */
  async write(records: number): Promise<void> {
    await this.#producing?.write(records)
  }

  async rest(): Promise<void> {
    const written = await this.#producing?.end()
    this.#producing = undefined
    written?.forEach(({ partition, records }) => {
      const before = this.#records[partition]?.records ?? []
      this.#records[partition] = { partition, records: [...before, ...records] }
    })
  }

  /** Deletes the topic; its records are nobody's any more. */
  async deleteTopic(): Promise<void> {
    await this.rest()
    const admin = await this.clients.admin()
    await admin.deleteTopics({ topics: [this.topic] })
    this.#records = []
  }

  async makeTopic(): Promise<void> {
    const create = (): Promise<void> =>
      this.clients.createTopic(this.topic, this.#partitions, { 'retention.ms': '-1' })
    // A broker may still be busy deleting the one before.
    await create().catch(() => sleep(300).then(create))
    await this.produce()
  }

  async addPartition(): Promise<void> {
    this.#partitions += 1
    const admin = await this.clients.admin()
    const topicPartitions = [{ topic: this.topic, count: this.#partitions }]
    await admin.createPartitions({ topicPartitions })
  }

  /** Another topic, with as many partitions as the one has now. */
  async changeTopic(): Promise<void> {
    await this.rest()
    this.#topic = uniqueName('stops')
    this.#records = []
    await this.makeTopic()
  }

  /** Retention takes all that partition 0 has now; returns where it begins since. */
  async forget(): Promise<number> {
    // Else a run that was at the end of it would lack nothing.
    await this.write(100)
    await this.clients.deleteRecords(this.topic, -1)
    const admin = await this.clients.admin()
    const offsets = await admin.fetchTopicOffsets(this.topic)
    await this.write(100)
    return Number(offsets.find(({ partition }) => partition === 0)?.low)
  }

  // --- the run -----------------------------------------------------------------------------------------------------

  start(...args: readonly string[]): Started {
    return this.command('run', ...args)
  }

  /** Of the pipeline that was begun last. */
  command(...args: readonly string[]): Started {
    const { directory, file } = this.world
    const run = startCli(directory, [...args, '-f', file])
    this.#running.push(run)
    return run
  }

  /** A run that has caught up and told values. */
  async follow(): Promise<Started> {
    const run = this.start()
    await run.says('following it')
    using redis = new RawRedis(this.world.pipeline)
    while ((await redis.client.dbsize()) < 10) await sleep(20)
    return run
  }

  /** A run that works until it has done enough, and leaves as it is told to. */
  async visit(isEnough: () => boolean = () => true): Promise<void> {
    const run = await this.follow()
    while (!isEnough()) {
      expect(run.child.exitCode).toBeNull()
      await sleep(20)
    }
    run.child.kill('SIGTERM')
    const { code, stderr } = await run.ended
    expect(code, stderr).toBe(0)
  }

  /** The run ends by itself, with one message. */
  async stopped(run: Started): Promise<Stop> {
    const startedMs = performance.now()
    const patience = setTimeout(() => run.child.kill('SIGKILL'), STOPS_WITHIN_MS)
    const { code, stderr } = await run.ended
    clearTimeout(patience)
    const seconds = (performance.now() - startedMs) / 1_000
    expect(code, `it went on, or has another end:\n${stderr}`).toBe(1)
    const lines = stderr
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            readonly level: string
            readonly code?: string
            readonly msg: string
          },
      )
    const errors = lines.filter(({ level }) => level === 'error')
    expect(errors).toHaveLength(1)
    const error = errors[0]?.code ?? ''
    const message = errors[0]?.msg ?? ''
    process.stdout.write(`${seconds.toFixed(1)} s: ${message}\n`)
    return { code: error, message, seconds }
  }

  /** `begin anew in empty places`: for the state and every sink. */
  async beginAnew(): Promise<void> {
    await this.#addWorld(uniqueName(deadLettersOf(this.topic)), {})
  }

  /** Runs to the end of the log; all sinks are what the records say, from these offsets on. */
  async expectTheLaw(from: readonly number[] = []): Promise<void> {
    while (this.#producing && this.#producing.written < WRITTEN_MIN) await sleep(20)
    await this.rest()
    const { code, stderr } = await this.start('--until-end').ended
    expect(code, stderr).toBe(0)
    const log = this.#records.map(({ partition, records }) => {
      const origin = from[partition] ?? 0
      return { partition, origin, records: records.filter(({ offset }) => offset >= origin) }
    })
    expect(log.filter(({ records }) => records.length === 0)).toEqual([])
    expectSinksEqual(recompute(this.world.pipeline, log), await this.world.sinks(log.length))
  }

  async #addWorld(deadLetters: string, places: Places): Promise<void> {
    const { state, tables, checkpoints } = this.#worlds.length === 0 ? this.#places : places
    await this.clients.createTopic(deadLetters, 1, { 'retention.ms': '-1' })
    const { url: redis } = await sharedRedis()
    const text = onServers({
      bootstrap: this.#bootstrap,
      topic: this.topic,
      group: deadLetters,
      redis,
      more: {
        rejects: { limit: '100%', topic: deadLetters },
        ...(state !== undefined && { state }),
        ...(checkpoints !== undefined && { checkpoints: { store: checkpoints, every: '1s' } }),
      },
    })
    const document = JSON.parse(text) as { readonly sinks: { readonly offline: { delta: string } } }
    if (tables !== undefined) document.sinks.offline.delta = tables
    this.#worlds.push(await RealWorld.create(JSON.stringify(document)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rest().catch(() => undefined)
    for (const { child, ended } of this.#running) {
      child.kill('SIGKILL')
      await ended
    }
    await this.clients[Symbol.asyncDispose]()
    for (const world of this.#worlds) await world[Symbol.asyncDispose]()
  }
}
