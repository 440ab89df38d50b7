/**
 * Whoever keeps the members running: a process that died is started again on its seat, one that stopped because of a failure
 * too, unless the failure is one that nothing in this world can explain.
 */
import type { Pipeline } from '../src/core/definition.ts'
import { TidemarkError, type ErrorCode } from '../src/errors.ts'
import type { Chance } from './chance.ts'
import { Member, type MemberEnd } from './member.ts'
import { generationRecords } from './publish.ts'
import type { World } from './world.ts'

/** What a member may stop with, where faults strike. Any other is a violation. */
const EXPLAINED: ReadonlySet<ErrorCode> = new Set([
  'GENERATION_CHANGED',
  'STATE_WRITE_FAILED',
  'STATE_LOCKED',
  'ONLINE_REFUSED',
  'TABLE_REFUSED',
  'TABLE_UNAVAILABLE',
  'REJECTS_UNWRITABLE',
  'CHECKPOINT_REFUSED',
  'SOURCE_UNAVAILABLE',
])

interface Seat {
  readonly machine: number
  member: Member | undefined
  /** Its next start is planned, or nobody shall sit there for now. */
  isWaiting: boolean
}

export class Operator {
  readonly #world: World
  readonly #chance: Chance
  readonly #seats: Seat[]
  /** Beside the seats: replacements of members that sleep, runs of another definition. */
  readonly #extras = new Set<Member>()
  #starts = 0
  #isClosing = false

  constructor(world: World) {
    this.#world = world
    this.#chance = world.chance.fork('operator')
    this.#seats = world.plan.seats.map((machine) => ({
      machine,
      member: undefined,
      isWaiting: false,
    }))
    for (const seat of this.#seats) this.#startSoon(seat, this.#chance.scaled(1, 3_000))
  }

  /** All processes that are not dead. */
  get members(): readonly Member[] {
    return [...this.#seats.flatMap(({ member }) => (member ? [member] : [])), ...this.#extras]
  }

  /** A process beside those of the seats, on the machine of one of them. */
  startExtra(machine: number, pipeline: Pipeline, onEnd: (end: MemberEnd) => void): Member {
    const member = this.#start(machine, pipeline, (_, end) => {
      this.#extras.delete(member)
      onEnd(end)
    })
    this.#extras.add(member)
    return member
  }

  startReplacement(machine: number): void {
    this.startExtra(machine, this.#world.pipeline, (end) => this.#check(end))
  }

  /** Asks a member to leave; its seat is taken again after a while. */
  leave(member: Member): void {
    this.#world.fault('graceful stop', member.process.name)
    member.leave()
  }

  /** Every seat is taken, now: nothing else would go on. */
  fillSeats(): void {
    for (const seat of this.#seats)
      if (!seat.isWaiting && seat.member === undefined) this.#startSoon(seat, 0)
  }

  close(): void {
    this.#isClosing = true
    for (const member of this.members) member.leave()
  }

  /** The world is over. */
  end(): void {
    this.#isClosing = true
    for (const { process } of this.members) process.kill()
  }

  /** After `close`: new processes on all seats. */
  open(): void {
    this.#isClosing = false
    this.fillSeats()
  }

  #startSoon(seat: Seat, ms: number): void {
    seat.isWaiting = true
    this.#world.scheduler.after(ms, () => {
      seat.isWaiting = false
      if (seat.member !== undefined || this.#isClosing) return
      seat.member = this.#start(seat.machine, this.#world.pipeline, (_, end) => {
        seat.member = undefined
        this.#check(end)
        if (this.#isClosing) return
        const isCalm = this.#world.faults.isCalm
        this.#startSoon(seat, isCalm ? 500 : this.#chance.scaled(50, 20_000))
      })
    })
  }

  #start(
    machine: number,
    pipeline: Pipeline,
    onEnd: (member: Member, end: MemberEnd) => void,
  ): Member {
    this.#starts += 1
    const place = this.#world.machines[machine]
    if (place === undefined) throw new Error(`no machine ${machine}`)
    const name = `${place.name}.p${this.#starts}`
    return new Member(this.#world, { name, machine: place, pipeline, onEnd })
  }

  #check(end: MemberEnd): void {
    if (end.kind !== 'failed') return
    const { error } = end
    if (error instanceof TidemarkError && EXPLAINED.has(error.code)) {
      const isOurs =
        error.code === 'GENERATION_CHANGED'
          ? generationRecords(this.#world).length > 1
          : /simulated|no answer|is open in|connection was lost/.test(error.message)
      if (isOurs) {
        this.#world.coverage.hit(`path stopped with ${error.code}`)
        return
      }
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#world.violation(`a member stopped with: ${text}`)
  }
}
