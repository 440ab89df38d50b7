/** Names of what a process asks of the world. Those that leave something behind are points of death. */

/** What exists only where somebody replays, publishes and takes back. */
export const REPLAY_EFFECTS = [
  'amended records',
  'kept state',
  'replay plan',
  'replay result',
  'audit entry',
  'staged file',
  'staged transaction',
  'sealed state',
  'swap copy',
  'published generation',
  'swap transaction',
] as const

/** A process may die right before each of them and right after it: all must have been hit by a run of many seeds. */
export const CONSUMER_EFFECTS = [
  'reject write',
  'state commit',
  'state maintenance',
  'online write',
  'online marker',
  'table file',
  'table transaction',
  'table checkpoint',
  'table pointer',
  'table delete',
  'generation record',
  'place identity',
  'checkpoint writer',
  'checkpoint file',
  'checkpoint manifest',
  'checkpoint retired',
  'checkpoint delete',
  'state restore',
] as const

export const DURABLE_EFFECTS = [...CONSUMER_EFFECTS, ...REPLAY_EFFECTS] as const

/** `disk` is the machine's own: nothing is in flight when its process sleeps or dies. */
export type Place = 'disk' | 'online' | 'tables' | 'rejects' | 'log' | 'group' | 'checkpoints'

export interface Effect {
  readonly place: Place
  /** A durable effect, or what is asked, in words. */
  readonly name: string
  readonly isDurable: boolean
  /** For the timeline. */
  readonly detail: string
}

/** What becomes of one effect. */
export interface Fate {
  readonly outMs: number
  readonly backMs: number
  /** The process dies right before it, in the middle of it, or right after it. */
  readonly death: 'before' | 'within' | 'after' | undefined
  /** It fails before anything happened, in the middle, or only its answer is lost. */
  readonly failure: 'before' | 'within' | 'after' | undefined
  /** Share of an effect that consists of parts, for `within`. */
  readonly part: number
  /** No retry helps until an operator has mended it. */
  readonly isPermanent: boolean
}
