/** A command that somebody types at a machine: a process that does one thing, may sleep or die at it, and can be typed again. */
import type { Log } from '../src/engine/ports.ts'
import { Network } from './network.ts'
import { logOf } from './member.ts'
import type { Machine } from './machine.ts'
import { Process } from './process.ts'
import type { World } from './world.ts'

export interface CommandPlace {
  readonly process: Process
  readonly network: Network
  readonly machine: Machine
  readonly log: Log
}

export type CommandEnd<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'killed' }

export class Command<T> {
  readonly process: Process
  /** Resolves at its end, of whatever kind. */
  readonly ended: Promise<CommandEnd<T>>

  constructor(
    world: World,
    { name, machine }: { readonly name: string; readonly machine: Machine },
    act: (place: CommandPlace) => Promise<T>,
  ) {
    const { scheduler, trace, coverage } = world
    const settled: { end: CommandEnd<T> } = { end: { kind: 'killed' } }
    const { promise, resolve } = withResolver<CommandEnd<T>>()
    this.ended = promise
    this.process = new Process({
      name,
      scheduler,
      chance: world.chance.fork(name),
      wallMs: () => world.wallMs + machine.wallShiftMs,
      onDeath: () => {
        machine.release(this.process)
        trace.note(name, `--- ${settled.end.kind}`)
        resolve(settled.end)
      },
    })
    trace.note(name, '+++ starts')
    const network = new Network({
      process: this.process,
      scheduler,
      trace,
      decide: (effect) => world.decide(name, effect),
      onFault: (kind, effect) => world.effectFault(kind, effect),
      onGhost: () => coverage.hit('path write of a process that was dead or asleep by then'),
    })
    const over = (end: CommandEnd<T>): void => {
      if (this.process.isDead) return
      settled.end = end
      this.process.kill()
    }
    act({ process: this.process, network, machine, log: logOf(world, this.process) }).then(
      (value) => over({ kind: 'done', value }),
      (error: unknown) => over({ kind: 'failed', error }),
    )
  }
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
