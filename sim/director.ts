/** Lets things happen to machines, processes and stores at random times, as the plan of the seed says, until the world is to be calm. */
import type { Chance } from './chance.ts'
import type { Place } from './effect.ts'
import type { Member } from './member.ts'
import type { Operator } from './operator.ts'
import type { EventKind } from './plan.ts'
import { damageCheckpoint } from './checkpoints.ts'
import { tryChangedDefinition } from './changed-definition.ts'
import { publishGeneration } from './publish.ts'
import { startReplay } from './replay-job.ts'
import { rivalCommit } from './rival.ts'
import type { World } from './world.ts'

const DAY_MS = 86_400_000

export class Director {
  readonly #world: World
  readonly #operator: Operator
  readonly #chance: Chance
  readonly #handlers: Readonly<Record<EventKind, () => void>>

  constructor(world: World, operator: Operator) {
    this.#world = world
    this.#operator = operator
    this.#chance = world.chance.fork('director')
    this.#handlers = this.#makeHandlers()
    const { endMs } = world.timeline
    for (const [kind, count] of Object.entries(world.plan.events)) {
      // A replay takes its time.
      const lastMs = kind === 'replay' ? endMs * 0.6 : endMs
      for (let i = 0; i < count; i += 1) {
        const atMs = this.#chance.between(0, lastMs)
        world.scheduler.after(atMs, () => this.#strike(kind as EventKind))
      }
    }
    this.#saveNowAndThen()
  }

  /** Whatever was wrong is put right: what sleeps goes on, what is deaf hears, clocks are right, places can be reached. */
  calm(): void {
    const { faults, machines } = this.#world
    faults.calm()
    this.#world.storeShiftMs = 0
    for (const machine of machines) machine.wallShiftMs = 0
    for (const { process } of this.#operator.members) {
      process.isDeaf = false
      process.resume(0)
    }
    this.#world.trace.note('director', '--- all faults are over')
    this.#operator.fillSeats()
  }

  #strike(kind: EventKind): void {
    if (!this.#world.faults.isCalm) this.#handlers[kind]()
  }

  #makeHandlers(): Record<EventKind, () => void> {
    const world = this.#world
    const { online } = world
    return {
      kill: () => this.#withMember('kill', (member) => member.process.kill()),
      'burst of kills': () => this.#burst(),
      'stop and resume': () => this.#sleep('stop and resume', { isSuspended: false }),
      'suspend and resume': () => this.#sleep('suspend and resume', { isSuspended: true }),
      'replace a stopped process': () => this.#replace(),
      'graceful stop': () => {
        const member = this.#anyMember()
        if (member) this.#operator.leave(member)
      },
      join: () => {
        world.fault('join', 'director')
        this.#operator.startReplacement(this.#chance.integer(0, world.machines.length - 1))
      },
      'deaf to its group': () => this.#deafen(),
      'disk lost': () => this.#loseDisk(),
      'online flushed': () => {
        world.fault('online flushed', 'online')
        online.flush()
      },
      'online restarted empty': () => {
        world.fault('online restarted empty', 'online')
        online.restart({ isEmpty: true })
      },
      'online loses its last write': () => {
        world.fault('online loses its last write', 'online')
        online.loseNextWrite()
      },
      'online rolled back': () => {
        world.fault('online rolled back', 'online')
        online.restart({ isEmpty: false })
      },
      'online away': () => this.#takeAway('online away', 'online', { isPermanent: false }),
      'online refuses': () => this.#takeAway('online refuses', 'online', { isPermanent: true }),
      'tables away': () => this.#takeAway('tables away', 'tables', { isPermanent: false }),
      'tables refuse': () => this.#takeAway('tables refuse', 'tables', { isPermanent: true }),
      'checkpoints away': () =>
        this.#takeAway('checkpoints away', 'checkpoints', { isPermanent: false }),
      'checkpoints refuse': () =>
        this.#takeAway('checkpoints refuse', 'checkpoints', { isPermanent: true }),
      'checkpoint damaged': () => {
        damageCheckpoint(world, this.#chance)
        // Whoever needs it soon finds out.
        if (this.#chance.happens(0.7))
          world.scheduler.after(this.#chance.scaled(1, 500), () => this.#strike('disk lost'))
      },
      'rejects unwritable': () =>
        this.#takeAway('rejects unwritable', 'rejects', { isPermanent: true }),
      'disk full': () => this.#takeAway('disk full', 'disk', { isPermanent: true }),
      'wall clock shifted': () => this.#shiftWall(),
      'store clock shifted': () => {
        world.storeShiftMs = this.#shift()
        // Often one machine asks the same wrong clock.
        if (this.#chance.happens(0.5))
          this.#chance.pick(world.machines).wallShiftMs = world.storeShiftMs
        world.fault('store clock shifted', 'online', `${Math.round(world.storeShiftMs / 1000)} s`)
      },
      'monotonic jump': () =>
        this.#withMember('monotonic jump', ({ process }) =>
          process.jumpMonotonic(this.#chance.scaled(1_000, 600_000)),
        ),
      'definition changed': () => tryChangedDefinition(world, this.#operator, this.#chance),
      'generation published': () => publishGeneration(world),
      replay: () => startReplay(world, this.#chance),
      'rival commits': () => {
        world.fault('rival commits', 'tables')
        for (let i = 0; i < 5; i += 1)
          world.scheduler.after(this.#chance.scaled(1, 2_000), () => rivalCommit(world))
      },
    }
  }

  #anyMember(): Member | undefined {
    const { members } = this.#operator
    return members.length === 0 ? undefined : this.#chance.pick(members)
  }

  #withMember(kind: EventKind, act: (member: Member) => void): void {
    const member = this.#anyMember()
    if (member === undefined) return
    this.#world.fault(kind, member.process.name)
    act(member)
  }

  #burst(): void {
    const count = this.#chance.integer(2, 5)
    this.#world.fault('burst of kills', 'director', `${count}`)
    for (let i = 0; i < count; i += 1) {
      this.#world.scheduler.after(this.#chance.scaled(1, 4_000), () => {
        if (this.#world.faults.isCalm) return
        for (const { process } of this.#operator.members) process.kill()
      })
    }
  }

  #sleep(kind: EventKind, { isSuspended }: { readonly isSuspended: boolean }): void {
    this.#withMember(kind, ({ process }) => {
      const ms = this.#chance.scaled(100, this.#world.plan.pauseMaxMs)
      process.stop()
      this.#world.trace.note(process.name, `    for ${Math.round(ms)} ms`)
      this.#world.scheduler.after(ms, () => {
        if (process.status !== 'stopped') return
        this.#world.trace.note(process.name, '    goes on')
        process.resume(isSuspended ? ms : 0)
      })
    })
  }

  /** A supervisor takes a member that sleeps for dead, and starts another one on its machine, now and then for a long time in vain. */
  #replace(): void {
    this.#withMember('replace a stopped process', ({ process, machine }) => {
      const { scheduler, machines, plan } = this.#world
      const isLong = this.#chance.happens(0.1)
      const ms = isLong ? 170_000 : this.#chance.scaled(100, plan.pauseMaxMs)
      if (isLong) this.#world.faultsUntilMs = scheduler.nowMs + ms
      process.stop()
      scheduler.after(ms, () => process.resume(0))
      scheduler.after(this.#chance.scaled(10, 5_000), () => {
        if (!this.#world.faults.isCalm) this.#operator.startReplacement(machines.indexOf(machine))
      })
    })
  }

  #deafen(): void {
    this.#withMember('deaf to its group', ({ process }) => {
      process.isDeaf = true
      this.#world.scheduler.after(this.#chance.scaled(5_000, 120_000), () => {
        process.isDeaf = false
      })
    })
  }

  #loseDisk(): void {
    const machine = this.#chance.pick(this.#world.machines)
    this.#world.fault('disk lost', machine.name)
    for (const member of this.#operator.members)
      if (member.machine === machine) member.process.kill()
    machine.loseDisk()
  }

  #takeAway(kind: EventKind, place: Place, how: { readonly isPermanent: boolean }): void {
    const { faults, scheduler } = this.#world
    if (faults.isAway(place)) return
    this.#world.fault(kind, place)
    faults.setAway(place, how)
    scheduler.after(this.#chance.scaled(200, 30_000), () => {
      this.#world.trace.note(place, '    mended')
      faults.mend(place)
    })
  }

  #shiftWall(): void {
    if (this.#chance.happens(0.3)) {
      // All follow one server of time that is wrong.
      const shiftMs = this.#shift()
      for (const machine of this.#world.machines) machine.wallShiftMs = shiftMs
      this.#world.storeShiftMs = shiftMs
      this.#world.fault('wall clock shifted', 'all', `${Math.round(shiftMs / 1_000)} s`)
      return
    }
    const machine = this.#chance.pick(this.#world.machines)
    machine.wallShiftMs = this.#shift()
    const seconds = Math.round(machine.wallShiftMs / 1_000)
    this.#world.fault('wall clock shifted', machine.name, `${seconds} s`)
  }

  #shift(): number {
    return this.#chance.pick([-1, 1]) * this.#chance.scaled(1_000, 3 * DAY_MS)
  }

  /** What a rollback brings back is of some time before. */
  #saveNowAndThen(): void {
    const { scheduler, online, timeline, faults } = this.#world
    scheduler.after(this.#chance.scaled(500, 30_000), () => {
      if (faults.isCalm) return
      online.save()
      if (scheduler.nowMs < timeline.endMs) this.#saveNowAndThen()
    })
  }
}
