/** `source.kafka` of the file -> the topic and how it is read. */
import type { KafkaLog } from '../core/definition.ts'
import type { Report } from './report.ts'
import { resolveAddresses, resolveTls } from './resolve-connection.ts'
import type { KafkaFile } from './schema.ts'

/** Below it, a pause of garbage collection or of the disk would cost the partitions. */
const SESSION_TIMEOUT_MIN_MS = 1000

export interface KafkaSurroundings {
  readonly report: Report
  readonly directory: string
  /** Of the pipeline. */
  readonly name: string
}

export function resolveKafka(file: KafkaFile, surroundings: KafkaSurroundings): KafkaLog {
  const { report, name } = surroundings
  const at = ['source', 'kafka']
  const tls = resolveTls(file.tls, [...at, 'tls'], surroundings)
  if (file.sessionTimeout < SESSION_TIMEOUT_MIN_MS) {
    const sessionAt = [...at, 'sessionTimeout']
    report.add(sessionAt, 'expected at least `1s` (brokers take `6s` to `30m` by default)')
  }
  return {
    kind: 'kafka',
    brokers: resolveAddresses(file.brokers, [...at, 'brokers'], report),
    topic: file.topic,
    start: file.start,
    group: file.group ?? `tidemark-${name}`,
    sessionTimeoutMs: file.sessionTimeout,
    ...(tls && { tls }),
    ...(file.sasl && { sasl: file.sasl }),
    trustProducerClock: file.trustProducerClock,
  }
}
