/**
 * What the brokers say about one topic: its id, its partitions and who leads them. A Metadata request of our own: kafkajs's
 * is too old to tell the topic's id, by which a topic that was deleted and made again is known.
 */
import type { BrokerAddress, WireRequest } from './broker-connection.ts'
import { WireReader, WireWriter } from './wire.ts'

/** Since Kafka 2.8. */
const VERSION = 11
export const METADATA_API = { apiKey: 3, version: VERSION } as const

export interface ClusterMetadata {
  readonly clusterId: string | undefined
  readonly brokers: ReadonlyMap<number, BrokerAddress>
  readonly topic: TopicMetadata
}

export interface TopicMetadata {
  /** Kafka's code; 0 where all is well. */
  readonly errorCode: number
  /** Hex. */
  readonly id: string
  /** Kafka's numbers of operations, as bits: what we may do with it. */
  readonly operations: number
  /** Ascending by partition. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly partition: number
  /** Undefined while nobody leads. */
  readonly leader: number | undefined
  readonly leaderEpoch: number
  /** Brokers that hold a copy, and how many of them are up to date. */
  readonly replicas: number
  readonly replicasInSync: number
}

export function metadataRequest(topic: string): WireRequest {
  const body = new WireWriter().noTags()
  body.uvarint(2).zeros(16).compactString(topic).noTags()
  // Do not make the topic; tell our rights on it.
  body.int8(0).int8(1).noTags()
  return {
    apiKey: METADATA_API.apiKey,
    apiName: 'Metadata',
    apiVersion: VERSION,
    isFlexible: true,
    body,
  }
}

export function decodeMetadata(answer: Buffer): ClusterMetadata {
  const reader = new WireReader(answer)
  reader.int32() // Throttle time.
  const brokers = new Map(reader.compactArray(() => readBroker(reader)))
  const clusterId = reader.compactString()
  reader.int32() // The controller, as far as clients are told.
  const [topic] = reader.compactArray(() => readTopic(reader))
  if (topic === undefined) throw new RangeError('no topic in an answer about one')
  return { clusterId, brokers, topic }
}

function readBroker(reader: WireReader): [id: number, address: BrokerAddress] {
  const id = reader.int32()
  const host = reader.compactString() ?? ''
  const port = reader.int32()
  reader.compactString() // Rack.
  reader.skipTags()
  return [id, { host, port }]
}

function readTopic(reader: WireReader): TopicMetadata {
  const errorCode = reader.int16()
  reader.compactString()
  const id = reader.hex(16)
  reader.int8() // Whether it is one of Kafka's own.
  const partitions = reader.compactArray(() => readPartition(reader))
  const operations = reader.int32()
  reader.skipTags()
  const ascending = partitions.toSorted((a, b) => a.partition - b.partition)
  return { errorCode, id, operations, partitions: ascending }
}

function readPartition(reader: WireReader): PartitionMetadata {
  reader.int16() // An error says no more than a missing leader does.
  const partition = reader.int32()
  const leader = reader.int32()
  const leaderEpoch = reader.int32()
  const replicas = reader.compactArray(() => reader.int32()).length
  const replicasInSync = reader.compactArray(() => reader.int32()).length
  reader.compactArray(() => reader.int32()) // Those offline.
  reader.skipTags()
  const known = leader < 0 ? undefined : leader
  return { partition, leader: known, leaderEpoch, replicas, replicasInSync }
}
