/** How each kind of a storm is done, and undone: a function resolves when its fault is over, not when all is healed. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, type Random } from '../bench/random.ts'
import type { KafkaServer } from '../servers/kafka.ts'
import type { RedisNode } from '../servers/redis-node.ts'
import type { Directions, TcpProxy } from '../servers/tcp-proxy.ts'
import type { Fleet, Machine } from './fleet.ts'
import type { KindName } from './kinds.ts'
import { MEMBER_FAULTS } from './member-faults.ts'
import { leaveOpen } from './open-transaction.ts'
import type { FaultPlan } from './plan.ts'
import type { StormProducer } from './producer.ts'
import type { Timeline } from './timeline.ts'
import type { OnlineWatch } from './watches.ts'

/** What a fault can get at. */
export interface Scene {
  readonly directory: string
  readonly kafka: KafkaServer
  readonly redis: RedisNode
  readonly fleet: Fleet
  readonly producer: StormProducer
  readonly online: OnlineWatch
  readonly timeline: Timeline
}

export interface Fault {
  readonly lastsMs: number
  readonly random: Random
}

export type DoFault = (scene: Scene, fault: Fault) => Promise<void>

const CUT_EVERY_MS = 150
const SLOW_MS = { kafka: 250, redis: 120 }
/** In the middle of an answer, which has a few hundred bytes and more. */
const CUT_AFTER_BYTES_MAX = 3_000

const FAULTS: Readonly<Record<KindName, DoFault>> = {
  ...MEMBER_FAULTS,
  'broker-kill': async ({ kafka }, { lastsMs }) => {
    await kafka.node(1).kill()
    await sleep(lastsMs)
    await kafka.node(1).start()
  },
  'kafka-cut': ({ kafka }, fault) => cut([kafka.proxied.proxy(1)], fault),
  'kafka-slow': ({ kafka }, fault) => slow([kafka.proxied.proxy(1)], fault, SLOW_MS.kafka),
  'kafka-silent': ({ kafka }, fault) => silent([kafka.proxied.proxy(1)], fault),
  'redis-empty': async ({ redis, online }, { lastsMs }) => {
    online.lost()
    await redis.kill()
    await sleep(lastsMs)
    await redis.restartEmpty()
    online.lost()
  },
  'redis-older': async ({ redis, online, directory }, { lastsMs, random }) => {
    const dump = path.join(directory, `older-${random.below(1_000_000)}.rdb`)
    await redis.dumpTo(dump)
    await sleep(lastsMs)
    online.lost()
    await redis.restartFrom(dump)
    online.lost()
  },
  'redis-cut': ({ fleet }, fault) => cut(waysToRedis(fleet, fault.random), fault),
  'redis-slow': ({ fleet }, fault) => slow(waysToRedis(fleet, fault.random), fault, SLOW_MS.redis),
  'redis-silent': ({ fleet }, fault) => silent(waysToRedis(fleet, fault.random), fault),
  'open-transaction': leaveOpen,
}

export async function doFault(
  scene: Scene,
  { kind, beginsMs, lastsMs, seed }: FaultPlan,
): Promise<void> {
  await sleep(beginsMs)
  scene.timeline.note(`${kind} begins`)
  await FAULTS[kind](scene, { lastsMs, random: createRandom(seed) })
  scene.timeline.note(`${kind} is over`)
}

/** Of one machine, or of all. */
function waysToRedis({ machines }: Fleet, random: Random): TcpProxy[] {
  const ways = machines.map(({ redis }: Machine) => redis)
  return random.next() < 0.5 ? ways : ways.slice(random.below(ways.length)).slice(0, 1)
}

async function cut(ways: readonly TcpProxy[], { lastsMs, random }: Fault): Promise<void> {
  const endMs = performance.now() + lastsMs
  while (performance.now() < endMs) {
    for (const way of ways) way.cutAfterAnswered(random.below(CUT_AFTER_BYTES_MAX))
    await sleep(CUT_EVERY_MS)
    if (random.next() < 0.3) for (const way of ways) way.cut()
  }
  for (const way of ways) way.heal()
}

async function slow(ways: readonly TcpProxy[], { lastsMs }: Fault, delayMs: number): Promise<void> {
  for (const way of ways) way.delay(delayMs)
  await sleep(lastsMs)
  for (const way of ways) way.heal()
}

/** Bytes are lost, or held back and come late all at once. */
async function silent(ways: readonly TcpProxy[], { lastsMs, random }: Fault): Promise<void> {
  const directions = (['requests', 'answers', 'both'] as const)[random.below(3)] ?? 'both'
  const isLost = random.next() < 0.6
  const act = (way: TcpProxy, which: Directions): void =>
    isLost ? way.lose(which) : way.hold(which)
  for (const way of ways) act(way, directions)
  await sleep(lastsMs)
  for (const way of ways) way.heal()
}
