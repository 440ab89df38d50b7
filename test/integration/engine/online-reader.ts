/**
 * The online values of a pipeline, read in two ways: by walking the store as the engine does, and, in Redis, key by key
 * as any program would, by the letter of the plain layout.
 */
import { Redis } from 'ioredis'
import { systemClock } from '../../../src/cli/system-clock.ts'
import { DAY_MS } from '../../../src/core/day.ts'
import type { Pipeline, RedisDefinition } from '../../../src/core/definition.ts'
import type { OnlineStore, OnlineValue } from '../../../src/engine/ports.ts'
import { LevelOnlineStore } from '../../../src/leveldb/online-store.ts'
import { openRedisReader } from '../../../src/redis/online-store.ts'
import type { ActualOnline, ActualSinks } from '../../support/compare-sinks.ts'

type Walked = Pick<OnlineStore, 'walk'> & AsyncDisposable

/** Every value of the store; of an embedded one only while no engine runs. */
export async function walkOnline(pipeline: Pipeline, partitions: number): Promise<OnlineValue[]> {
  await using store = await openStore(pipeline)
  const values: OnlineValue[] = []
  for (const { name, version } of pipeline.views) {
    for (let partition = 0; partition < partitions; partition += 1) {
      let cursor: string | undefined
      const found = new Map<string, OnlineValue>()
      do {
        const page = await store.walk(`${name}:v${version}`, partition, cursor, 1_000)
        for (const value of page.values) found.set(value.entity, value)
        cursor = page.next
      } while (cursor !== undefined)
      values.push(...found.values())
    }
  }
  return values
}

async function openStore({ name, sinks: { online } }: Pipeline): Promise<Walked> {
  if (online === undefined) throw new Error('an online sink')
  if (online.kind === 'redis') return openRedisReader(online, { pipeline: name })
  return LevelOnlineStore.open(online.directory, { nowMs: () => systemClock.wallMs() })
}

export function actualOnline(
  { views }: Pipeline,
  values: readonly OnlineValue[],
): ActualSinks['online'] {
  return new Map(
    views.map(({ name, version }) => [
      name,
      values
        .filter(({ view }) => view === `${name}:v${version}`)
        .map(({ entity, fields, version: { offset }, eventTime, nextDay }) => {
          return { entity, fields: new Map(fields), offset, eventTime, nextDay }
        }),
    ]),
  )
}

/** A hash under a key of the pipeline. */
export interface RawValue {
  readonly view: string
  readonly entity: string
  readonly fields: ReadonlyMap<string, string>
  readonly envelope: Readonly<Record<string, string | undefined>>
  readonly version: { readonly generation: number; readonly offset: number; readonly day: number }
}

/** Redis as redis-cli shows it. */
export class RawRedis implements Disposable {
  readonly client: Redis
  readonly #root: string

  constructor({ name, sinks: { online } }: Pipeline) {
    if (online?.kind !== 'redis') throw new Error('Redis')
    this.client = connect(online)
    this.client.on('error', () => undefined)
    this.#root = `${online.prefix}${name}:`
  }

  async values(): Promise<RawValue[]> {
    const keys = new Set<string>()
    let cursor = '0'
    do {
      const [next, page] = await this.client.scan(cursor, 'MATCH', `${this.#root}*`, 'COUNT', 1_000)
      for (const key of page) if (!key.startsWith(`${this.#root}_marker:`)) keys.add(key)
      cursor = next
    } while (cursor !== '0')
    const values: RawValue[] = []
    const names = [...keys]
    for (let i = 0; i < names.length; i += 1_000) {
      const part = names.slice(i, i + 1_000)
      const pipeline = this.client.pipeline()
      for (const key of part) pipeline.hgetall(key)
      const replies = (await pipeline.exec()) ?? []
      replies.forEach(([error, hash], at) => {
        if (error) throw error
        values.push(this.#parse(part[at] ?? '', hash as Record<string, string>))
      })
    }
    return values
  }

  #parse(key: string, hash: Readonly<Record<string, string>>): RawValue {
    const [view = '', number = '', entity = '', ...more] = key.slice(this.#root.length).split(':')
    if (!/^v\d+$/.test(number) || more.length > 0) throw new Error(`the key ${key}`)
    const entries = Object.entries(hash)
    const version = /^(\d+)\.(-?\d+)\.(-?\d+)$/.exec(hash['_version'] ?? '')
    if (version === null) throw new Error(`${key}: _version ${hash['_version']}`)
    const [generation = NaN, offset = NaN, day = NaN] = version.slice(1).map(Number)
    return {
      view,
      entity,
      fields: new Map(entries.filter(([name]) => !name.startsWith('_'))),
      envelope: Object.fromEntries(entries.filter(([name]) => name.startsWith('_'))),
      version: { generation, offset, day },
    }
  }

  [Symbol.dispose](): void {
    this.client.disconnect()
  }
}

function connect({ servers }: RedisDefinition): Redis {
  const options = { maxRetriesPerRequest: null, commandTimeout: 2_000 } as const
  if (servers.kind === 'standalone') return new Redis(servers.url, options)
  if (servers.kind !== 'sentinel') throw new Error('a single master')
  const sentinels = servers.sentinels.map((address) => {
    const [host = '', port] = address.split(':')
    return { host, port: Number(port) }
  })
  return new Redis({ ...options, sentinels, name: servers.master })
}

export function actualRaw({ views }: Pipeline, values: readonly RawValue[]): ActualSinks['online'] {
  const online = new Map<string, ActualOnline[]>(views.map(({ name }) => [name, []]))
  for (const { view, entity, fields, envelope, version } of values) {
    const found = online.get(view)
    if (found === undefined) throw new Error(`there is no view ${view}`)
    const time = envelope['_event_time']
    const next = envelope['_next']
    found.push({
      entity,
      fields,
      offset: version.offset,
      eventTime: time === undefined ? undefined : Number(time),
      nextDay: next === undefined ? undefined : Date.parse(next) / DAY_MS,
    })
  }
  return online
}

/** What an envelope says of itself must agree, at any moment. @returns what does not */
export function envelopeFaults(
  { views, time: { zone } }: Pipeline,
  { view, entity, envelope, version }: RawValue,
): string[] {
  const definition = views.find(({ name }) => name === view)
  const asOf = Date.parse(envelope['_asof'] ?? '') / DAY_MS
  const next = envelope['_next']
  const eventTime = Number(envelope['_event_time'] ?? NaN)
  const faults = [
    definition?.hash !== envelope['_definition'] && '_definition',
    asOf !== version.day && '_asof is not the day of _version',
    next !== undefined && !(Date.parse(next) / DAY_MS > asOf) && '_next is not after _asof',
    !/^(provisional|final)$/.test(envelope['_state'] ?? '') && '_state',
    !/^\d+$/.test(envelope['_partition'] ?? '') && '_partition',
    zone === 'UTC' && eventTime >= (asOf + 1) * DAY_MS && '_event_time is after _asof',
  ]
  return faults.flatMap((fault) =>
    fault === false ? [] : [`${view} ${entity}: ${fault}: ${JSON.stringify(envelope)}`],
  )
}
