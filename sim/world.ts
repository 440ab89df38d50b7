/** What outlives processes: the log, machines with their disks, the online server, buckets, rejects, the group; and time. */
import type { Pipeline } from '../src/core/definition.ts'
import type { Reject } from '../src/engine/reject-port.ts'
import { MemoryBucket } from '../src/memory/object-storage.ts'
import type { Scenario } from '../test/support/random-log.ts'
import { Chance } from './chance.ts'
import { Coverage } from './coverage.ts'
import type { Effect, Fate } from './effect.ts'
import { Faults } from './faults.ts'
import { GroupCoordinator } from './group.ts'
import { SimulatedLog } from './log.ts'
import { Machine, type Furthest } from './machine.ts'
import { OnlineServer } from './online-server.ts'
import { drawPlan, type Plan } from './plan.ts'
import { JudgedLog } from './judged-log.ts'
import { PrefixOracle } from './prefix-oracle.ts'
import { drawScenario, pipelineFor } from './scenario.ts'
import { generationWatch, recordOfGeneration } from './publish.ts'
import { Scheduler } from './scheduler.ts'
import { Timeline } from './timeline.ts'
import { Trace } from './trace.ts'

const VIOLATIONS_MAX = 20

export class World {
  readonly chance: Chance
  readonly plan: Plan
  readonly scenario: Scenario
  readonly pipeline: Pipeline
  readonly scheduler = new Scheduler()
  /** Committed by any machine, by partition. */
  readonly furthest: Furthest = new Map()
  readonly trace: Trace
  readonly coverage = new Coverage()
  readonly faults: Faults
  readonly timeline: Timeline
  readonly log: SimulatedLog
  readonly judged: JudgedLog
  readonly oracle: PrefixOracle
  readonly machines: readonly Machine[]
  readonly online: OnlineServer
  readonly tables = new MemoryBucket()
  readonly checkpoints = new MemoryBucket()
  /** Objects of checkpoints that were damaged on purpose. */
  readonly damaged = new Set<string>()
  readonly rejects = new Map<string, Reject>()
  readonly coordinator: GroupCoordinator
  /** By process and partition: how far the owner had come whose state was replaced, when it opened its own. */
  readonly kept = new Map<string, number>()
  /** Replays that somebody is at. */
  readonly replays = new Set<string>()
  /** Faults go on until then at least. */
  faultsUntilMs = 0
  /** How wrong the online server's clock is. */
  storeShiftMs = 0
  /** What must never be seen was seen. */
  readonly violations: string[] = []
  readonly #watched = new Set<string>()

  constructor(seed: number, { keepsTrace }: { readonly keepsTrace: boolean }) {
    this.chance = new Chance(`seed ${seed}`)
    this.plan = drawPlan(this.chance.fork('plan'))
    this.scenario = drawScenario(seed, this.chance.fork('scenario'))
    this.pipeline = pipelineFor(this.scenario, this.plan, this.chance.fork('pipeline'))
    this.trace = new Trace(() => this.scheduler.nowMs, { keeps: keepsTrace })
    this.faults = new Faults(this.plan, this.chance.fork('faults'))
    this.timeline = new Timeline(this.scenario, this.plan, this.chance.fork('timeline'))
    this.log = new SimulatedLog(this.scheduler, this.scenario.partitions.length)
    this.judged = new JudgedLog(
      this.pipeline,
      this.scenario.partitions,
      (generation) => recordOfGeneration(this, generation)?.amendments ?? [],
    )
    this.oracle = new PrefixOracle(this.pipeline, this.judged)
    this.machines = Array.from(
      { length: Math.max(...this.plan.seats) + 1 },
      (_, i) => new Machine(`m${i + 1}`, this.coverage, this.furthest, generationWatch(this)),
    )
    this.online = new OnlineServer({
      nowMs: () => Math.floor(this.wallMs + this.storeShiftMs),
      coverage: this.coverage,
      oracle: this.oracle,
      keptOf: (process, partition) => this.kept.get(`${process} ${partition}`) ?? -Infinity,
      onViolation: (what) => this.violation(what),
    })
    this.coordinator = new GroupCoordinator({
      scheduler: this.scheduler,
      trace: this.trace,
      partitions: this.scenario.partitions.length,
      sessionMs: this.plan.sessionMs,
      onPublished: (partition, nextOffset) => {
        if (nextOffset > (this.furthest.get(partition) ?? 0))
          this.violation(
            `offset ${nextOffset} of partition ${partition} is published before it is durable`,
          )
      },
    })
    for (const { atMs, partition, record } of this.timeline.records) {
      this.scheduler.after(atMs, () => {
        this.trace.note('log', `record [${partition}]@${record.offset}`)
        this.log.append(partition, record)
      })
    }
  }

  /** What a right clock says. */
  get wallMs(): number {
    return this.timeline.wallMs(this.scheduler.nowMs)
  }

  /** A process that may look at everything and change nothing. */
  watchForWrites(process: string): void {
    this.#watched.add(process)
  }

  decide(process: string, effect: Effect): Fate {
    if (effect.isDurable && this.#watched.has(process))
      this.violation(`${process} must change nothing, but did: ${effect.name} ${effect.detail}`)
    return this.faults.decide(effect)
  }

  violation(what: string): void {
    this.trace.note('check', `!!! ${what}`)
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(what)
  }

  fault(kind: string, who: string, detail = ''): void {
    this.trace.note(who, `*** ${kind} ${detail}`)
    this.coverage.hit(`fault ${kind}`)
  }

  /** A death or a failure at an effect. */
  effectFault(kind: string, { name, place, isDurable }: Effect): void {
    if (kind.startsWith('crash')) this.coverage.hit(`${kind} ${name}`)
    else this.coverage.hit(`fault call ${kind} ${isDurable ? name : place}`)
  }
}
