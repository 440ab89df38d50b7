/**
 * Which commands of a run a user may not give, found out without writing anything: rights are looked at before a command is run, so
 * each is tried in a way that changes nothing: on a key that is not there, or with a field that lacks its value.
 */
import { randomBytes } from 'node:crypto'
import type { RedisDefinition } from '../core/definition.ts'
import { TIMEOUTS } from './connection.ts'
import type { RedisTimeouts } from './connection.ts'
import { Layout } from './layout.ts'
import { openServers } from './open-servers.ts'
import { isError } from './reply.ts'
import type { RedisCommand, ServerError } from './reply.ts'
import type { Master } from './servers.ts'
import { WRITE } from './scripts.ts'

export interface MissingRights {
  readonly server: string
  /** In capitals. */
  readonly commands: readonly string[]
  /** What the server answered to the first of them. */
  readonly answer: string
}

/** One per master that refuses something. @throws ONLINE_UNAVAILABLE, ONLINE_REFUSED */
export async function missingRights(
  definition: RedisDefinition,
  { pipeline, timeouts }: { readonly pipeline: string; readonly timeouts?: RedisTimeouts },
): Promise<readonly MissingRights[]> {
  const layout = new Layout(definition.prefix, pipeline)
  await using servers = openServers(definition, {
    pipeline,
    root: layout.root,
    timeouts: timeouts ?? TIMEOUTS,
    monotonicMs: () => performance.now(),
    isMasterWanted: true,
  })
  const found = await Promise.all((await servers.masters()).map((master) => ask(layout, master)))
  return found.filter(({ commands }) => commands.length > 0)
}

async function ask(layout: Layout, { node, tag }: Master): Promise<MissingRights> {
  // No marker has such a name, and in a Cluster the tag leads to this master.
  const probe = `${layout.root}_probe:${randomBytes(8).toString('hex')}`
  const key = tag === undefined ? probe : `${probe}:{${tag}}`
  const commands: readonly RedisCommand[] = [
    ['SCRIPT', 'LOAD', WRITE.lua],
    ['EVALSHA', WRITE.sha, 0],
    ['HMGET', key, 'none'],
    ['HGET', key, 'none'],
    ['HGETALL', key],
    ['HLEN', key],
    ['PTTL', key],
    // Two fields, one value: refused for want of a right, else for its arguments.
    ['HSET', key, 'none', '', 'none'],
    ['HDEL', key, 'none'],
    ['DEL', key],
    ['PEXPIRE', key, 1],
    ['SCAN', 0, 'COUNT', 1],
    ['TIME'],
    ['INFO', 'stats'],
  ]
  const replies = await node.send(commands)
  const refused = commands.flatMap(([name], at) => {
    const reply = replies[at]
    return isError(reply, 'NOPERM') ? [{ name, reply: reply satisfies ServerError }] : []
  })
  return {
    server: node.title,
    commands: refused.map(({ name }) => name),
    answer: refused[0]?.reply.message ?? '',
  }
}
