/** Reading values: the whole hash and what is left of its time to live, of several entities in one pipeline. */
import type { OnlineValue } from '../engine/ports.ts'
import { refusal } from './errors.ts'
import { parseValue } from './layout.ts'
import type { Layout } from './layout.ts'
import { ServerError } from './reply.ts'
import type { KeyedCommand, RedisServers } from './servers.ts'

/** In the order asked for; undefined: never written or expired. The time to live is what is left of it. */
export async function readValues(
  servers: RedisServers,
  layout: Layout,
  view: string,
  entities: readonly string[],
): Promise<(OnlineValue | undefined)[]> {
  const commands = entities.flatMap((entity): KeyedCommand[] => {
    const key = layout.valueKey(view, entity)
    return [
      { key, command: ['HGETALL', key] },
      { key, command: ['PTTL', key] },
    ]
  })
  const replies = await servers.send(commands)
  return entities.map((entity, index) => {
    const [hash, ttl] = replies.slice(index * 2, index * 2 + 2)
    for (const reply of [hash, ttl]) {
      if (reply instanceof ServerError) throw refusal(reply, servers.title)
    }
    if (!Array.isArray(hash) || hash.length === 0 || Number(ttl) === -2) return undefined
    return parseValue({ view, entity }, hash as readonly string[], Number(ttl))
  })
}
