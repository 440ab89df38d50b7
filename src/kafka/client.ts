/** How a client of kafkajs (group membership, producers) is configured for a pipeline's Kafka. */
import { logLevel } from 'kafkajs'
import type { KafkaConfig } from 'kafkajs'
import type { KafkaLog } from '../core/definition.ts'
import type { Log } from '../engine/ports.ts'
import { stopIdleTimers } from './kafkajs-idle-timer.ts'
import { kafkajsLogCreator } from './kafkajs-logger.ts'
import { readSecurity } from './security.ts'

export const CLIENT_ID = 'tidemark'
export const CONNECT_MS = 5_000
const REQUEST_MS = 15_000

/** @throws DEFINITION_INVALID where a TLS file cannot be used */
export async function kafkaOptions(
  definition: Pick<KafkaLog, 'brokers' | 'tls' | 'sasl'>,
  log: Log,
): Promise<KafkaConfig> {
  stopIdleTimers()
  const { ssl, sasl } = await readSecurity(definition)
  return {
    clientId: CLIENT_ID,
    brokers: [...definition.brokers],
    ...(ssl && { ssl }),
    ...(sasl && { sasl }),
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retry: { initialRetryTime: 100, multiplier: 1.5, maxRetryTime: 2_000, retries: 8 },
    logLevel: logLevel.INFO,
    logCreator: kafkajsLogCreator(log),
  }
}
