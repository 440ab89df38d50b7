/**
 * The processes of a stage and their machines: a disk for the state and a way to Redis each (or one disk for all). Whoever ends without being told to,
 * or says what only a bug makes it say, fails the stage.
 */
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../bench/random.ts'
import { freePort } from '../servers/ports.ts'
import { TcpProxy } from '../servers/tcp-proxy.ts'
import { Member } from './member.ts'
import type { Timeline } from './timeline.ts'

/** On three machines; a fourth is the stranger's. */
export const MEMBERS_MAX = 3
const WATCH_MS = 100

export interface FleetParts {
  readonly directory: string
  readonly pipelineFile: string
  readonly disks: 'own' | 'shared'
  readonly group: string
  /** As members reach it. */
  readonly brokers: string
  readonly redisPort: number
  readonly timeline: Timeline
}

export interface Machine {
  readonly name: string
  readonly state: string
  readonly redis: TcpProxy
  /** How many processes it has had. */
  lives: number
  member: Member | undefined
}

interface Start {
  readonly group?: string
  readonly untilEnd?: boolean
}

export class Fleet implements AsyncDisposable {
  readonly machines: readonly Machine[]
  /** Of a group of its own. */
  readonly stranger: Machine
  /** Everyone who was ever started. */
  readonly all: Member[] = []
  readonly #parts: FleetParts
  /** Rejects when a process ends that should not. */
  readonly failed: Promise<never>
  readonly #over = new AbortController()

  private constructor(parts: FleetParts, machines: readonly Machine[], stranger: Machine) {
    this.#parts = parts
    this.machines = machines
    this.stranger = stranger
    this.failed = this.#watch()
    this.failed.catch(() => undefined)
  }

  static async create(parts: FleetParts): Promise<Fleet> {
    const { directory, disks, redisPort } = parts
    mkdirSync(path.join(directory, 'logs'), { recursive: true })
    const machine = async (name: string, isShared: boolean): Promise<Machine> => ({
      name,
      state: path.join(directory, 'disks', isShared ? 'shared' : name),
      redis: await TcpProxy.start(redisPort),
      lives: 0,
      member: undefined,
    })
    const numbers = Array.from({ length: MEMBERS_MAX }, (_, i) => `m${i + 1}`)
    const isShared = disks === 'shared'
    const machines = await Promise.all(numbers.map((name) => machine(name, isShared)))
    return new Fleet(parts, machines, await machine('stranger', false))
  }

  /** Those of the group, the sleeping ones too. */
  get members(): readonly Member[] {
    return this.machines.flatMap(({ member }) => (member?.runs === true ? [member] : []))
  }

  get busyMachines(): readonly Machine[] {
    return this.machines.filter(({ member }) => member?.runs === true)
  }

  /** Any machine with a member. */
  pick(random: Random): Machine {
    const busy = this.busyMachines
    const machine = busy[random.below(busy.length)]
    if (machine === undefined) throw new Error('no member runs')
    return machine
  }

  get freeMachine(): Machine | undefined {
    return this.machines.find(({ member }) => member?.runs !== true)
  }

  async start(machine: Machine, how: Start = {}): Promise<Member> {
    const { directory, pipelineFile, brokers, group, timeline } = this.#parts
    machine.lives += 1
    const port = await freePort()
    const member = new Member({
      name: `${machine.name}.${machine.lives}`,
      logs: path.join(directory, 'logs'),
      pipelineFile,
      port,
      environment: {
        STORM_STATE: machine.state,
        STORM_BROKERS: brokers,
        STORM_REDIS: `redis://${machine.redis.address}`,
        STORM_HTTP: `127.0.0.1:${port}`,
        STORM_GROUP: how.group ?? group,
      },
      ...how,
    })
    machine.member = member
    this.all.push(member)
    timeline.note(`${member.name} starts`)
    void member.exit.then(({ code, signal }) =>
      timeline.note(`${member.name} ended: ${signal ?? code}`),
    )
    return member
  }

  loseDisk(machine: Machine): void {
    this.#parts.timeline.note(`the disk of ${machine.name} is lost: ${machine.state}`)
    rmSync(machine.state, { recursive: true, force: true })
  }

  get group(): string {
    return this.#parts.group
  }

  get hasSharedDisk(): boolean {
    return this.#parts.disks === 'shared'
  }

  async leaveAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.leave()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    for (const member of this.all) if (member.runs) await member.kill()
    const machines = [...this.machines, this.stranger]
    await Promise.all(machines.map(({ redis }) => redis.stop()))
  }

  async #watch(): Promise<never> {
    for (;;) {
      const ended = this.all.find(({ endedByItself }) => endedByItself)
      if (ended !== undefined && !this.#over.signal.aborted) {
        const { code, signal } = await ended.exit
        const last = ended.output.trimEnd().split('\n').slice(-5).join('\n')
        throw new Error(`${ended.name} ended by itself with ${signal ?? code}:\n${last}`)
      }
      await sleep(WATCH_MS, undefined, { ref: false })
    }
  }
}
