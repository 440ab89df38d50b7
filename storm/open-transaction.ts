/** A transaction that stays open holds back all who read committed records; it ends well, or badly, or its producer is never seen again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaClients } from '../test/integration/kafka/kafka-topic.ts'
import { valueBytes } from '../test/support/raw-record.ts'
import type { Fault, Scene } from './faults.ts'

/** The broker ends it then by itself. */
const TRANSACTION_TIMEOUT_MS = 3_000
/** Its own clock looks every so often (`BROKER_SETTINGS`). */
const BROKER_LOOKS_MS = 800
const RECORDS = 5

export async function leaveOpen(
  { kafka, producer, timeline }: Scene,
  { lastsMs, random }: Fault,
): Promise<void> {
  await using clients = new KafkaClients(kafka.bootstrap)
  const end = (['commit', 'abort', 'abandon'] as const)[random.below(3)] ?? 'abort'
  timeline.note(`a transaction stays open, then: ${end}`)
  try {
    const writer = await clients.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      transactionalId: `${producer.topic}-open-${random.below(1_000_000)}`,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
    })
    const transaction = await writer.transaction()
    const messages = Array.from({ length: RECORDS }, () => {
      const partition = random.below(2)
      const record = producer.nextOf(partition)
      const value = valueBytes(record)
      return {
        partition,
        key: record.key,
        value: value && Buffer.from(value),
        timestamp: String(record.timestamp),
      }
    })
    await transaction.send({ topic: producer.topic, messages })
    await sleep(lastsMs)
    if (end === 'commit') await transaction.commit()
    if (end === 'abort') await transaction.abort()
    if (end === 'abandon') await sleep(TRANSACTION_TIMEOUT_MS + BROKER_LOOKS_MS - lastsMs)
  } catch (error) {
    // The broker may die meanwhile: then it is the broker that ends the transaction.
    timeline.note(`the open transaction: ${error instanceof Error ? error.message : String(error)}`)
    await sleep(TRANSACTION_TIMEOUT_MS + BROKER_LOOKS_MS)
  }
}
