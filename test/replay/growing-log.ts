/** A small log that gets partitions, by hand: a record a day of users whose keys lie where a test wants them. */
import { homeOfText } from '../../src/core/home.ts'
import { partitionerNamed } from '../../src/core/partitioner.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import { DAY_MS } from '../support/builders.ts'
import type { RawRecord } from '../support/raw-record.ts'
import { resolveText } from '../support/resolve-text.ts'
import type { Growing } from './regrouping-world.ts'

const FIRST_MS = Date.UTC(2026, 0, 1)
export const FIRST_DAY = FIRST_MS / DAY_MS
export const PARTITIONS = 3

const DOCUMENT = `
name: shop
source:
  files: ./log
  format: json
  key: user
  fields: { user: string, n: int64 }
  event: { id: id, duplicatesWithin: 24h, time: { field: at, format: ms } }
time: { outOfOrderness: 0s, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 3d]
    features: { events: { count: "*" }, sum: { sum: n }, first: { first: n }, last: { last: n } }
sinks: { online: { leveldb: ./online }, offline: { delta: ./tables, slots: 2 } }
state: ./state
commit: { records: 3 }
`

export function pipeline(changed: (document: string) => string = (text) => text): Pipeline {
  const found = resolveText(changed(DOCUMENT), '/regrouping')
  return { ...found, rejects: { ...found.rejects, limit: 1 } }
}

function homeOf(user: string): number {
  const murmur2 = partitionerNamed('murmur2')
  if (murmur2 === undefined) throw new Error('murmur2 is known')
  return homeOfText(murmur2, PARTITIONS)(user)
}

/** Names whose keys lie in a partition now. */
export function userOf(partition: number, nth = 0): string {
  const names = Array.from({ length: 100 }, (_, index) => `user-${index}`)
  const found = names.filter((name) => homeOf(name) === partition)[nth]
  if (found === undefined) throw new Error(`a key of partition ${partition}`)
  return found
}

export interface Event {
  readonly user: string
  /** Days since the first. */
  readonly day: number
  readonly n?: number
  readonly id?: string
}

function records(events: readonly Event[], origin = 0): RawRecord[] {
  return events.map(({ user, day, n = 1, id }, index) => {
    const at = Math.round(FIRST_MS + day * DAY_MS)
    const value = JSON.stringify({ user, n, at, id: id ?? `${user} ${day} ${index} ${origin}` })
    return { offset: origin + index, timestamp: at, key: user, value }
  })
}

/** @param old by partition; `then`: where their keys lie now */
export function growing(old: readonly (readonly Event[])[], then: readonly Event[]): Growing {
  const origins = Array.from({ length: PARTITIONS }, (_, partition) => old[partition]?.length ?? 0)
  return {
    partitioner: 'murmur2',
    log: {
      old: old.map((events, partition) => ({ partition, records: records(events) })),
      parts: origins.map((origin, partition) => {
        const own = then.filter(({ user }) => homeOf(user) === partition)
        return { partition, origin, records: records(own, origin) }
      }),
      home: ({ fields }) => homeOf(String(fields.get('user'))),
    },
  }
}

export function daily(user: string, from: number, to: number): Event[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({ user, day: from + index + 0.5 }))
}
