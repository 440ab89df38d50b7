/** A pipeline over what `PacedWriter` writes: a day of event time every half second, commits so often that most deaths fall near one. */
import { deadLettersOf } from './topic-writer.ts'

export const KILLED_PIPELINE = {
  name: 'killed',
  time: { outOfOrderness: '1h', allowedLateness: '24h' },
  views: {
    activity: {
      entity: 'user',
      windows: ['1d', '3d', '7d'],
      features: {
        n: { count: '*' },
        buys: { count: '*', where: { kind: 'buy' } },
        spent: { sum: 'amount' },
        weight: { avg: 'weight' },
        last: { last: 'kind' },
      },
    },
  },
  sinks: { offline: { delta: './features', slots: 2, correctionsEvery: '1s' } },
  rejects: { limit: '100%' },
  state: './state',
  commit: { interval: '60ms' },
} as const

export const KILLED_SOURCE = {
  format: 'json',
  key: 'user',
  fields: { user: 'string', kind: 'string', amount: 'decimal(18,2)', weight: 'double' },
  event: { id: 'id', time: { field: 'at', format: 'ms' } },
} as const

/** Its text on servers. */
export function onServers(place: {
  readonly bootstrap: string
  readonly topic: string
  /** As in the pipeline file. */
  readonly redis: string | object
  /** Default: the topic's name. */
  readonly group?: string
  readonly sessionTimeout?: string
  readonly more?: object
}): string {
  const { bootstrap, topic, redis, group = topic, sessionTimeout = '6s', more = {} } = place
  const { rejects, sinks, ...pipeline } = KILLED_PIPELINE
  return JSON.stringify({
    ...pipeline,
    source: {
      kafka: { brokers: bootstrap, topic, group, sessionTimeout },
      ...KILLED_SOURCE,
    },
    sinks: { ...sinks, online: { redis } },
    rejects: { ...rejects, topic: deadLettersOf(topic) },
    ...more,
  })
}
