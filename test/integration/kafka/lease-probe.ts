/**
 * Members of a group whose every word is kept: in this process, and in one of their own that can be stopped and killed. Times
 * are the machine's monotonic clock, which all processes share.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { KafkaLog } from '../../../src/core/definition.ts'
import type { Lease, LeaseListener, LeaseMember } from '../../../src/engine/ports.ts'
import { createGroupLease } from '../../../src/kafka/group-lease.ts'
import type { GroupLeaseParts } from '../../../src/kafka/group-lease.ts'
import { clock, collectLog } from './kafka-topic.ts'
import type { LoggedLine } from './kafka-topic.ts'
import type { LeaseJob } from './lease-process.ts'

export type LeaseEvent =
  | { readonly kind: 'assigned'; readonly atMs: number; readonly partitions: readonly number[] }
  | { readonly kind: 'lost'; readonly atMs: number }
  | { readonly kind: 'failed'; readonly atMs: number; readonly error: unknown }

export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}

/** Passes each word on as an event. */
export function listenerOf(told: (event: LeaseEvent) => void): LeaseListener {
  return {
    assigned: (partitions) =>
      told({ kind: 'assigned', atMs: nowMs(), partitions: [...partitions].sort((a, b) => a - b) }),
    lost: () => told({ kind: 'lost', atMs: nowMs() }),
    failed: (error) => told({ kind: 'failed', atMs: nowMs(), error }),
  }
}

/** What a member was told, whichever process it is in. */
export class LeaseHistory {
  readonly events: LeaseEvent[] = []
  #changed: () => void = () => undefined

  add(event: LeaseEvent): void {
    this.events.push(event)
    this.#changed()
  }

  get last(): LeaseEvent | undefined {
    return this.events.at(-1)
  }

  get kinds(): readonly string[] {
    return this.events.map(({ kind }) => kind)
  }

  /** Undefined: none, and none to be relied on. */
  get held(): readonly number[] | undefined {
    return this.last?.kind === 'assigned' ? this.last.partitions : undefined
  }

  async until(holds: (history: LeaseHistory) => boolean, withinMs = 20_000): Promise<void> {
    const deadlineMs = nowMs() + withinMs
    while (!holds(this)) {
      const leftMs = deadlineMs - nowMs()
      if (leftMs <= 0) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(this.events)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#changed = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  untilHolds(count: number, withinMs?: number): Promise<void> {
    return this.until(({ held }) => held?.length === count, withinMs)
  }
}

export class LeaseProbe extends LeaseHistory implements AsyncDisposable {
  readonly lines: readonly LoggedLine[]
  readonly lease: Lease

  private constructor(definition: KafkaLog, parts: Partial<GroupLeaseParts>) {
    super()
    const { log, lines } = collectLog()
    this.lines = lines
    this.lease = createGroupLease(definition, { log, clock, ...parts })
  }

  static async join(
    definition: KafkaLog,
    member: Partial<LeaseMember> = {},
    parts: Partial<GroupLeaseParts> = {},
  ): Promise<LeaseProbe> {
    const probe = new LeaseProbe(definition, parts)
    const listener = listenerOf((event) => probe.add(event))
    await probe.lease.join({ place: undefined, onDisk: [], ...member }, listener)
    return probe
  }

  get warnings(): readonly string[] {
    return this.lines
      .filter(({ level }) => level === 'warn' || level === 'error')
      .map(({ message }) => message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lease[Symbol.asyncDispose]()
  }
}

const SCRIPT = path.join(import.meta.dirname, 'lease-process.ts')
const ROOT = path.dirname(path.dirname(path.dirname(import.meta.dirname)))

export class LeaseProcess extends LeaseHistory implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor(job: LeaseJob) {
    super()
    this.#child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, JSON.stringify(job)], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (this.#child.stdout === null) throw new Error('no output of the process')
    createInterface(this.#child.stdout).on('line', (line) =>
      this.add(JSON.parse(line) as LeaseEvent),
    )
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
