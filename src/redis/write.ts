/**
 * Writing values: calls of the script with many values each, all calls of one round in one pipeline.
 *
 * A call holds up the whole server, so it has at most 100 values: 1.5 ms with 15 features (docs/performance.md). In a Cluster a call has the
 * values of one slot, which with thousands of slots is nearly always one value.
 */
import type { OnlineValue, OnlineWriteResult } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { refusal } from './errors.ts'
import { pushHash } from './layout.ts'
import type { Layout } from './layout.ts'
import { ServerError, isError } from './reply.ts'
import type { RedisReply } from './reply.ts'
import { WRITE } from './scripts.ts'
import type { KeyedCommand, RedisServers } from './servers.ts'
import { slotOfKey } from './slot.ts'

const VALUES_PER_CALL = 100
/** Values on their way at once, so that one caller neither fills the memory nor the server's queue. */
const VALUES_PER_ROUND = 2_000

interface Call extends KeyedCommand {
  readonly values: readonly KeyedValue[]
}

interface KeyedValue {
  readonly key: string
  readonly value: OnlineValue
}

type Foreign = OnlineWriteResult['foreign'][number]

/** @throws ONLINE_UNAVAILABLE, ONLINE_REFUSED: some of the values may be written; repeating them is safe */
export async function writeValues(
  servers: RedisServers,
  layout: Layout,
  values: readonly OnlineValue[],
): Promise<OnlineWriteResult> {
  let written = 0
  const foreign: Foreign[] = []
  for (let at = 0; at < values.length; at += VALUES_PER_ROUND) {
    const round = values
      .slice(at, at + VALUES_PER_ROUND)
      .map((value) => ({ value, key: layout.valueKey(value.view, value.entity) }))
    for (const { call, reply } of await sendAll(servers, callsOf(round, servers.hasSlots))) {
      const [count, ...others] = reply
      written += count ?? 0
      for (let i = 0; i + 1 < others.length; i += 2) {
        const keyed = call.values[(others[i] ?? 0) - 1]
        invariant(keyed, 'the script names values of the call')
        const { view, entity } = keyed.value
        foreign.push({ view, entity, partition: others[i + 1] ?? 0 })
      }
    }
  }
  return { written, refused: values.length - written - foreign.length, foreign }
}

async function sendAll(
  servers: RedisServers,
  calls: readonly Call[],
): Promise<{ readonly call: Call; readonly reply: readonly number[] }[]> {
  const replies = await servers.send(calls)
  const done: { call: Call; reply: readonly number[] }[] = []
  const split: Call[] = []
  for (const [index, call] of calls.entries()) {
    const reply: RedisReply | undefined = replies[index]
    // Some keys of the slot have moved already: one at a time, each is found.
    if (isError(reply, 'TRYAGAIN') && call.values.length > 1) {
      split.push(...call.values.map((value) => callOf([value])))
    } else if (reply instanceof ServerError) {
      throw refusal(reply, servers.title)
    } else done.push({ call, reply: reply as readonly number[] })
  }
  return split.length === 0 ? done : [...done, ...(await sendAll(servers, split))]
}

/** Values of one key stay in their order: a slot's calls go one after the other to one server. */
function callsOf(values: readonly KeyedValue[], hasSlots: boolean): Call[] {
  if (!hasSlots) return chunks(values)
  const slots = new Map<number, KeyedValue[]>()
  for (const value of values) {
    const slot = slotOfKey(value.key)
    const group = slots.get(slot)
    if (group) group.push(value)
    else slots.set(slot, [value])
  }
  return [...slots.values()].flatMap(chunks)
}

function chunks(values: readonly KeyedValue[]): Call[] {
  const calls: Call[] = []
  for (let at = 0; at < values.length; at += VALUES_PER_CALL) {
    calls.push(callOf(values.slice(at, at + VALUES_PER_CALL)))
  }
  return calls
}

function callOf(values: readonly KeyedValue[]): Call {
  const args: string[] = []
  for (const { key } of values) args.push(key)
  for (const { value } of values) {
    const { generation, offset, day } = value.version
    args.push(String(generation), String(offset), String(day), String(value.partition))
    args.push(String(value.ttlMs), '')
    const from = args.length
    pushHash(args, value)
    args[from - 1] = String(args.length - from)
  }
  return {
    key: values[0]?.key ?? '',
    command: ['EVALSHA', WRITE.sha, values.length, ...args],
    values,
  }
}
