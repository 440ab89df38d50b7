/**
 * Markers over all masters: each master holds one, since each can lose its data alone. The lowest counts; one that is missing
 * on any master is missing. So a master that joins a Cluster, or whose lowest slot becomes another, shows as a loss and
 * is healed.
 */
import type { ExpectedMarker, Marker, MarkerAdvance } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { refusal } from './errors.ts'
import { MARKER_FIELDS, parseMarker } from './layout.ts'
import type { Layout } from './layout.ts'
import { ServerError } from './reply.ts'
import type { RedisReply } from './reply.ts'
import { ADVANCE } from './scripts.ts'
import type { KeyedCommand, Master, RedisServers } from './servers.ts'

export async function readMarkers(
  servers: RedisServers,
  layout: Layout,
  partition: number,
): Promise<Marker | undefined> {
  const masters = await servers.masters()
  const replies = await servers.send(
    masters.map(({ tag }): KeyedCommand => {
      const key = layout.markerKey(partition, tag)
      return { key, command: ['HMGET', key, ...MARKER_FIELDS] }
    }),
  )
  return lowest(replies.map((reply) => parseMarker(texts(reply, servers))))
}

/** On every master. */
export async function forgetMarkers(
  servers: RedisServers,
  layout: Layout,
  partition: number,
): Promise<void> {
  const masters = await servers.masters()
  const replies = await servers.send(
    masters.map(({ tag }): KeyedCommand => {
      const key = layout.markerKey(partition, tag)
      return { key, command: ['DEL', key] }
    }),
  )
  for (const reply of replies) if (reply instanceof ServerError) throw refusal(reply, servers.title)
}

export async function advanceMarkers(
  servers: RedisServers,
  layout: Layout,
  step: {
    readonly partition: number
    readonly marker: Marker
    readonly expected: ExpectedMarker
  },
): Promise<MarkerAdvance> {
  const { partition, marker, expected } = step
  const masters = await servers.masters()
  if (expected.incarnation !== servers.incarnation) {
    return { outcome: 'lost', stored: await readMarkers(servers, layout, partition) }
  }
  const replies = await servers.send(
    masters.map((master): KeyedCommand => {
      const key = layout.markerKey(partition, master.tag)
      return { key, command: advanceCommand(key, marker, { expected: expected.marker, master }) }
    }),
  )
  const steps = replies.map((reply, index) => {
    const [outcome, history = '', ...stored] = texts(reply, servers)
    masters[index]?.node.heard(history ?? '')
    return { outcome, stored: parseMarker(stored) }
  })
  const stored = lowest(steps.map((one) => one.stored))
  const isLost = steps.some(({ outcome }) => outcome === 'lost')
  // A connection was made anew on the way, to a server that tells no history.
  if (isLost || expected.incarnation !== servers.incarnation) return { outcome: 'lost', stored }
  const isAhead = steps.every(({ outcome }) => outcome === 'ahead')
  return isAhead ? { outcome: 'ahead', stored } : { outcome: 'advanced', stored: marker }
}

function advanceCommand(
  key: string,
  { generation, position, asOf, scanId }: Marker,
  { expected, master }: { readonly expected: Marker | undefined; readonly master: Master },
): KeyedCommand['command'] {
  const last = expected
    ? [expected.generation, expected.position, expected.asOf]
    : (['', '', ''] as const)
  const { history } = master.node
  const known = /^[0-9a-f]+$/.test(history) ? history : ''
  return ['EVALSHA', ADVANCE.sha, 1, key, generation, position, asOf, scanId ?? '', ...last, known]
}

function texts(reply: RedisReply, servers: RedisServers): (string | null)[] {
  if (reply instanceof ServerError) throw refusal(reply, servers.title)
  invariant(Array.isArray(reply), 'a marker comes as a list')
  return reply as (string | null)[]
}

/**
 * Undefined where one is. Among equal ones a scan that is under way counts, and one that only some masters know of is
 * nobody's.
 */
function lowest(markers: readonly (Marker | undefined)[]): Marker | undefined {
  const [first, ...others] = markers
  let found = first
  for (const marker of others) {
    if (found === undefined || marker === undefined) return undefined
    const order = compare(marker, found)
    if (order < 0) found = marker
    else if (order === 0 && marker.scanId !== undefined) found = marker
  }
  return found
}

function compare(a: Marker, b: Marker): number {
  return a.generation - b.generation || a.position - b.position || a.asOf - b.asOf
}
