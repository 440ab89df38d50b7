/**
 * Passing through every value of a view that a partition holds, page by page, with SCAN: short steps, never a command that holds a
 * server up. A value that is there throughout is passed at least once.
 *
 * The cursor says which master is being walked and how far, with keys that did not fit the page. A SCAN belongs to one server and one
 * history of it, and to one assignment of slots: where these have changed the walk begins again, since keys may have
 * moved to where it has been.
 */
import type { OnlineStore, OnlineValue } from '../engine/ports.ts'
import { refusal } from './errors.ts'
import type { Layout } from './layout.ts'
import { readValues } from './read.ts'
import { ServerError } from './reply.ts'
import type { RedisServers } from './servers.ts'

/** Buckets looked at by one step: well below a millisecond. */
const STEP = 500

type Whose = Parameters<OnlineStore['walk']>[1]

export interface WalkPage {
  readonly values: readonly OnlineValue[]
  readonly next: string | undefined
}

interface Cursor {
  /** Who served what, with which histories, when it began. */
  readonly at: string
  readonly master: number
  readonly scan: string
  /** Entities found, not yet looked at. */
  readonly found: readonly string[]
}

export async function walkPage(
  servers: RedisServers,
  layout: Layout,
  page: {
    readonly view: string
    readonly whose: Whose
    readonly cursor: string | undefined
    readonly limit: number
  },
): Promise<WalkPage> {
  const { view, whose, limit } = page
  const masters = await servers.masters()
  const at = `${await servers.layout()} ${servers.incarnation}`
  const cursor = resume(page.cursor, at)
  let { master, scan } = cursor
  let found = [...cursor.found]
  const node = masters[master]?.node
  if (found.length < limit && node) {
    const pattern = layout.viewPattern(view)
    const [next, keys] = (await node.ask(
      ...(['SCAN', scan, 'MATCH', pattern, 'COUNT', STEP] as const),
    )) as [string, readonly string[]]
    const from = layout.valueKey(view, '').length
    found = [...new Set([...found, ...keys.map((key) => key.slice(from))])]
    scan = next
    if (scan === '0') master += 1
  }
  const looked = found.splice(0, limit)
  const values = await valuesOf(servers, layout, { view, whose, entities: looked })
  const isEnd = found.length === 0 && master >= masters.length
  return { values, next: isEnd ? undefined : JSON.stringify({ at, master, scan, found }) }
}

function resume(text: string | undefined, at: string): Cursor {
  const cursor = text === undefined ? undefined : (JSON.parse(text) as Cursor)
  return cursor?.at === at ? cursor : { at, master: 0, scan: '0', found: [] }
}

/** The partition first: in a walk most values are other partitions'. */
async function valuesOf(
  servers: RedisServers,
  layout: Layout,
  wanted: {
    readonly view: string
    readonly whose: Whose
    readonly entities: readonly string[]
  },
): Promise<OnlineValue[]> {
  const { view, whose, entities } = wanted
  if (entities.length === 0) return []
  const partitions = await servers.send(
    entities.map((entity) => {
      const key = layout.valueKey(view, entity)
      return { key, command: ['HGET', key, '_partition'] as const }
    }),
  )
  const own = entities.filter((entity, index) => {
    const reply = partitions[index]
    if (reply instanceof ServerError) throw refusal(reply, servers.title)
    if (typeof whose === 'number') return reply === String(whose)
    return typeof reply === 'string' && whose(entity, Number(reply))
  })
  const values = await readValues(servers, layout, view, own)
  return values.filter((value) => value !== undefined)
}
