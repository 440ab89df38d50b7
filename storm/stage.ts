/**
 * A stage of a storm: a pipeline of its own, its processes, a producer that never stops, rounds of faults. After each round all must
 * have healed within a bounded time, by the members' own metrics; after the last one the sinks are compared with the oracle.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../bench/random.ts'
import type { KafkaServer } from '../servers/kafka.ts'
import type { RedisServer } from '../servers/redis.ts'
import { onServers } from '../test/integration/engine/killed-pipeline.ts'
import { RealWorld } from '../test/integration/engine/real-world.ts'
import { doFault, type Scene } from './faults.ts'
import { Fleet } from './fleet.ts'
import { SESSION_MS, type KindName } from './kinds.ts'
import { roundText, stageText, type RoundPlan, type StagePlan } from './plan.ts'
import { StormProducer } from './producer.ts'
import { laggards, standings, unfinished } from './progress.ts'
import type { Timeline } from './timeline.ts'
import { verify, type Verdict } from './verify.ts'
import { OnlineWatch, TableWatch } from './watches.ts'

/** With no fault on, whoever is behind for so long is stuck. */
const HEALS_WITHIN_MS = 60_000
const ENDS_WITHIN_MS = 60_000
/** Members tell where they stand twice a second. */
const LOOK_MS = 300
/** Nothing is left to do by two looks, and they must not be of the same telling. */
const SETTLED_LOOKS = 3

export interface StageParts {
  readonly plan: StagePlan
  /** Of this stage: the pipeline, the disks, the logs. */
  readonly directory: string
  readonly kafka: KafkaServer
  readonly redis: RedisServer
  readonly timeline: Timeline
}

export interface StageResult {
  readonly verdict: Verdict
  readonly acknowledged: number
  readonly ghosts: number
  readonly processes: number
  readonly onlineReadings: number
  readonly tableReadings: number
  /** Those that were done. */
  readonly faults: readonly KindName[]
  /** How long each round took to heal, ms. */
  readonly healedMs: readonly number[]
}

export async function runStage(parts: StageParts): Promise<StageResult> {
  mkdirSync(parts.directory, { recursive: true })
  parts.timeline.tell(stageText(parts.plan))
  await using stage = await Stage.create(parts)
  return await stage.run()
}

class Stage implements AsyncDisposable {
  readonly #parts: StageParts
  readonly #scene: Scene
  readonly #world: RealWorld
  readonly #producing = new AbortController()
  readonly #watching = new AbortController()
  readonly #healedMs: number[] = []
  readonly #faults: KindName[] = []

  private constructor(
    parts: StageParts,
    stage: {
      readonly scene: Scene
      readonly world: RealWorld
    },
  ) {
    this.#parts = parts
    this.#scene = stage.scene
    this.#world = stage.world
  }

  static async create(parts: StageParts): Promise<Stage> {
    const { plan, directory, kafka, redis, timeline } = parts
    const { partitions } = plan
    const place = { bootstrap: kafka.bootstrap, partitions }
    const producer = await StormProducer.create(place, createRandom(plan.seed))
    const { topic } = producer
    const world = await RealWorld.open(directory, pipelineText(parts, topic))
    const node = redis.node('data1')
    const fleet = await Fleet.create({
      directory,
      pipelineFile: world.file,
      disks: plan.disks,
      group: topic,
      brokers: kafka.proxied.bootstrap,
      redisPort: node.port,
      timeline,
    })
    const online = new OnlineWatch(world.pipeline)
    const scene = { directory, kafka, redis: node, fleet, producer, online, timeline }
    return new Stage(parts, { scene, world })
  }

  async run(): Promise<StageResult> {
    const { fleet, producer, online } = this.#scene
    const { plan, timeline } = this.#parts
    const producing = producer.run(this.#producing.signal)
    const watching = online.run(this.#watching.signal)
    watching.catch(() => undefined)
    const guarded = <T>(work: Promise<T>): Promise<T> =>
      Promise.race([work, fleet.failed, watching.then(() => new Promise<never>(() => undefined))])
    try {
      await using reader = await this.#world.tables()
      const table = new TableWatch(reader, 'activity_v1')
      for (const machine of fleet.machines.slice(0, plan.members)) await fleet.start(machine)
      await guarded(this.#heal('the start'))
      for (const round of plan.rounds) {
        await guarded(this.#round(round))
        await table.look()
      }
      this.#producing.abort()
      await producing
      const ends = await producer.end()
      await guarded(this.#end(ends))
      const verdict = await verify(this.#parts.kafka, this.#world, { topic: producer.topic, ends })
      timeline.note(`${verdict.differences.length} differences`)
      if (plan.end === 'live') await fleet.leaveAll()
      this.#checkLogs()
      return {
        verdict,
        acknowledged: producer.acknowledged,
        ghosts: producer.ghosts,
        processes: fleet.all.length,
        onlineReadings: online.readings,
        tableReadings: table.readings,
        faults: this.#faults,
        healedMs: this.#healedMs,
      }
    } catch (error) {
      await this.#keepEvidence()
      throw error
    } finally {
      this.#producing.abort()
      this.#watching.abort()
      await producing
    }
  }

  async #round(round: RoundPlan): Promise<void> {
    const { timeline } = this.#parts
    const before = this.#scene.producer.acknowledged
    timeline.note(roundText(round))
    await Promise.all(round.faults.map((fault) => doFault(this.#scene, fault)))
    this.#faults.push(...round.faults.map(({ kind }) => kind))
    const healedMs = await this.#heal(`round ${round.number}`)
    this.#healedMs.push(healedMs)
    this.#checkLogs()
    const records = this.#scene.producer.acknowledged - before
    timeline.tell(`${roundText(round)}: healed in ${healedMs} ms, amid ${records} records`)
    if (records === 0) throw new Error('the producer stood still')
  }

  /** Until all that the broker has acknowledged by now is folded and told. @returns ms */
  async #heal(what: string): Promise<number> {
    const startMs = performance.now()
    const ends = [...this.#scene.producer.ends]
    const deadlineMs = startMs + HEALS_WITHIN_MS
    for (;;) {
      const behind = laggards(await standings(this.#scene.fleet.members), ends)
      if (behind.length === 0) return Math.round(performance.now() - startMs)
      if (performance.now() > deadlineMs) {
        throw new Error(
          `no progress within ${HEALS_WITHIN_MS} ms after ${what}:\n${behind.join('\n')}`,
        )
      }
      await sleep(LOOK_MS)
    }
  }

  /** Everything is in every sink: by members that go on, or by a process that ends when it is so. */
  async #end(ends: readonly number[]): Promise<void> {
    const { fleet, timeline } = this.#scene
    if (this.#parts.plan.end === 'live') {
      await this.#settle(ends)
      timeline.note('all is told and written')
      return
    }
    await fleet.leaveAll()
    const [machine] = fleet.machines
    if (machine === undefined) throw new Error('a machine')
    const last = await fleet.start(machine, { untilEnd: true })
    last.mayEnd()
    const patience = AbortSignal.timeout(ENDS_WITHIN_MS)
    const late = new Promise<never>((_, reject) => {
      patience.addEventListener('abort', () => reject(new Error('--until-end does not end')))
    })
    const { code, signal } = await Promise.race([last.exit, late])
    if (code !== 0) throw new Error(`--until-end ended with ${signal ?? code}: ${last.log}`)
  }

  async #settle(ends: readonly number[]): Promise<void> {
    const deadlineMs = performance.now() + ENDS_WITHIN_MS
    for (let settled = 0; settled < SETTLED_LOOKS;) {
      const left = unfinished(await standings(this.#scene.fleet.members), ends)
      settled = left.length === 0 ? settled + 1 : 0
      if (performance.now() > deadlineMs) {
        throw new Error(`not all is told and written:\n${left.join('\n')}`)
      }
      await sleep(LOOK_MS)
    }
  }

  #checkLogs(): void {
    const said = this.#scene.fleet.all.flatMap((member) =>
      member.complaints.map((line) => `${member.name}: ${line}`),
    )
    if (said.length > 0) throw new Error(`members say:\n${said.slice(0, 10).join('\n')}`)
  }

  /** What each process is doing, before it is killed. */
  async #keepEvidence(): Promise<void> {
    const { fleet, timeline } = this.#scene
    const asked = fleet.all.filter(({ answers }) => answers)
    for (const member of asked) member.report()
    timeline.note(JSON.stringify(await standings(asked)))
    const { kafka } = this.#parts
    const described = kafka.tool(
      'org.apache.kafka.tools.TopicCommand',
      ...['--bootstrap-server', kafka.bootstrap, '--describe'],
    )
    timeline.note(await described.catch(String))
    // Node writes its reports.
    await sleep(1_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#scene.online[Symbol.dispose]()
    await this.#scene.fleet[Symbol.asyncDispose]()
  }
}

function pipelineText({ plan, kafka, redis }: StageParts, topic: string): string {
  const checkpoints = { store: './checkpoints', every: '2s', keep: 2, keepFor: '6s' }
  return onServers({
    bootstrap: `\${STORM_BROKERS:-${kafka.bootstrap}}`,
    topic,
    redis: `\${STORM_REDIS:-${redis.url}}`,
    group: `\${STORM_GROUP:-${topic}}`,
    sessionTimeout: `${SESSION_MS}ms`,
    more: {
      name: `storm_${plan.number}`,
      state: '${STORM_STATE:-./state}',
      http: '${STORM_HTTP:-127.0.0.1:0}',
      ...(plan.checkpoints && { checkpoints }),
    },
  })
}

/** Where the stage's files are. */
export function stageDirectory(directory: string, { number }: StagePlan): string {
  return path.join(directory, `stage-${number}`)
}
