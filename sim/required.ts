/** What a run of many seeds must have hit: every boundary as a point of death, every kind of fault, every way of recovery. */
import type { Counts } from './coverage.ts'
import { DURABLE_EFFECTS } from './effect.ts'
import { EVENTS } from './plan.ts'

/** Below it, chance may leave something out. */
export const SEEDS_FOR_COVERAGE = 2_000

const PATHS = [
  'all-empty value written',
  'changed definition refused',
  'dirty slots found at opening',
  'historical log not ticking',
  'lease lost',
  'lock waited for',
  'loss found by the marker',
  'marker advanced',
  'marker ahead',
  'marker lost',
  "marker of another process's scan met",
  'online write refused by version',
  'partition given up',
  'position published',
  'published amendments',
  'published by handing states over',
  'published by rows alone',
  'published upon amendments',
  'reject written again',
  'replay command asleep',
  'replay finished',
  'replay from milestone',
  'replay from origin',
  'replay publish again',
  'replay run again',
  'replay that amends: accept',
  'replay that amends: drop',
  'retry that worked',
  'rival commit in the table log',
  'rows seen in a table',
  'rollback: rolled back',
  'scan resumed',
  'scan: behind',
  'scan: loss',
  'scan: sweep',
  "scan's place found at opening",
  'slot change dropped by version',
  'state begun again, on another machine or after its loss',
  'state begun at the origin',
  'state handed over ahead of the furthest owner',
  'state handed over behind the furthest owner',
  'state opened again',
  'state opened that others have overtaken',
  'state restored from a checkpoint',
  'stopped with CHECKPOINT_REFUSED',
  'damaged checkpoint passed over',
  'stopped with GENERATION_CHANGED',
  'stopped with ONLINE_REFUSED',
  'stopped with REJECTS_UNWRITABLE',
  'stopped with STATE_LOCKED',
  'stopped with STATE_WRITE_FAILED',
  'stopped with TABLE_REFUSED',
  'stopped with TABLE_UNAVAILABLE',
  'swap met what owners had written',
  'table looked at',
  'table transaction was there already',
  'tick closed a day',
  'ticked days found at opening',
  'walk through the online store',
  'write of a process that was dead or asleep by then',
] as const

const REQUIRED: readonly string[] = [
  ...DURABLE_EFFECTS.flatMap((name) => [`crash before ${name}`, `crash after ${name}`]),
  'crash within online write',
  'crash within reject write',
  ...EVENTS.map((kind) => `fault ${kind}`),
  ...PATHS.map((path) => `path ${path}`),
]

export function neverHit(counts: Readonly<Counts>): string[] {
  return REQUIRED.filter((what) => (counts[what] ?? 0) === 0)
}

/** Rows of the table: points of death, then faults, then ways of recovery. */
export function coverageLines(counts: Readonly<Counts>): string[] {
  const names = [...new Set([...REQUIRED, ...Object.keys(counts)])].sort()
  const width = Math.max(...names.map(({ length }) => length))
  return names.map((name) => {
    const count = counts[name] ?? 0
    const remark = count === 0 && REQUIRED.includes(name) ? '   <- never' : ''
    return `${name.padEnd(width)} ${String(count).padStart(9)}${remark}`
  })
}
