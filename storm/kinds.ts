/**
 * What a storm may do, by name. *Healing* kinds heal by themselves, with nothing lost. The others may also stop a consumer, with one
 * message that says why; they run only where they are named.
 */

/** Two faults of one area never meet: each would undo the other. */
export type Area = 'members' | 'broker' | 'kafka network' | 'redis' | 'redis network' | 'source'

interface Kind {
  readonly area: Area
  readonly heals: boolean
  /** How long it lasts, ms; the session's timeout is `SESSION_MS`. */
  readonly lastsMs: readonly [min: number, max: number]
  readonly words: string
}

/** Short, so that the dead are missed soon; whoever follows one waits for it. */
export const SESSION_MS = 2_000

export const KINDS = {
  kill: {
    area: 'members',
    heals: true,
    lastsMs: [200, 2_500],
    words: 'a member dies by kill -9, and starts again',
  },
  zombie: {
    area: 'members',
    heals: true,
    lastsMs: [SESSION_MS + 400, SESSION_MS + 2_000],
    words: 'a member sleeps (SIGSTOP) beyond its session, and goes on',
  },
  join: { area: 'members', heals: true, lastsMs: [300, 1_500], words: 'a member joins' },
  leave: {
    area: 'members',
    heals: true,
    lastsMs: [300, 2_500],
    words: 'a member leaves (SIGTERM)',
  },
  'two-owners': {
    area: 'members',
    heals: true,
    lastsMs: [2_000, 4_000],
    words: 'a process of another group owns every partition too, and writes to the same sinks',
  },
  'disk-lost': {
    area: 'members',
    heals: true,
    lastsMs: [200, 1_500],
    words: 'a member dies, and its state with it',
  },
  'broker-kill': {
    area: 'broker',
    heals: true,
    lastsMs: [200, 2_000],
    words: 'the broker dies by kill -9, and starts again',
  },
  'kafka-cut': {
    area: 'kafka network',
    heals: true,
    lastsMs: [500, 2_500],
    words: 'connections to the broker are cut, again and again, in the middle of answers',
  },
  'kafka-slow': {
    area: 'kafka network',
    heals: true,
    lastsMs: [1_000, 3_000],
    words: 'the way to the broker takes long',
  },
  'kafka-silent': {
    area: 'kafka network',
    heals: true,
    lastsMs: [500, SESSION_MS + 1_500],
    words: 'what is sent to the broker, or what it answers, vanishes',
  },
  'redis-empty': {
    area: 'redis',
    heals: true,
    lastsMs: [300, 1_500],
    words: 'Redis dies by kill -9, and starts with nothing',
  },
  'redis-older': {
    area: 'redis',
    heals: true,
    lastsMs: [800, 2_500],
    words: 'Redis dies, and starts from an older dump',
  },
  'redis-cut': {
    area: 'redis network',
    heals: true,
    lastsMs: [500, 2_500],
    words: 'connections to Redis are cut, again and again, in the middle of answers',
  },
  'redis-slow': {
    area: 'redis network',
    heals: true,
    lastsMs: [1_000, 3_000],
    words: 'the way to Redis takes long',
  },
  'redis-silent': {
    area: 'redis network',
    heals: true,
    lastsMs: [500, 3_000],
    words: 'what is sent to Redis, or what it answers, vanishes',
  },
  'open-transaction': {
    area: 'source',
    heals: true,
    lastsMs: [1_000, 2_500],
    words:
      'a transaction stays open; then it is committed, aborted, or its producer never comes back',
  },
  'file-descriptors': {
    area: 'members',
    heals: false,
    lastsMs: [2_000, 4_000],
    words: 'a member may open no more files, or a few: it stops and says so, or goes on',
  },
} as const satisfies Record<string, Kind>

export type KindName = keyof typeof KINDS

export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[]
export const HEALING_KINDS: readonly KindName[] = KIND_NAMES.filter((name) => KINDS[name].heals)

/** @throws where one of them is no kind */
export function parseKinds(text: string): readonly KindName[] {
  return text.split(',').map((word) => {
    const found = KIND_NAMES.find((name) => name === word.trim())
    if (found === undefined)
      throw new Error(`there is no kind ${word}, but ${KIND_NAMES.join(', ')}`)
    return found
  })
}
