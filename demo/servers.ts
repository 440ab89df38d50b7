/**
 * The demo on real servers: a Kafka broker that gets the log of the flights as a topic, and a Redis that serves the values.
 * Both are started for the demo and end with it. The pipeline is the same file, with other places.
 */
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, logLevel } from 'kafkajs'
import type { Producer } from 'kafkajs'
import { parseDocument } from 'yaml'
import { OpenedParts } from '../src/cli/compose.ts'
import { startKafka } from '../servers/kafka.ts'
import { startRedis } from '../servers/redis.ts'
import { PARTITIONS } from './flights.ts'

const TOPIC = 'flights'
/** Stays below the largest batch that a broker takes (1 MiB). */
const RECORDS_PER_SEND = 5_000

export interface ServerChoice {
  readonly kafka: boolean
  readonly redis: boolean
}

export interface DemoServers extends AsyncDisposable {
  /** The pipeline file that names them. */
  readonly file: string
  /** Undefined where the log stays in files. */
  readonly brokers: string | undefined
}

/** Writes a copy of the pipeline file, in `place`, whose source and online store are the servers. */
export async function startServers(
  place: string,
  pipelineFile: string,
  choice: ServerChoice,
): Promise<DemoServers> {
  const started = new OpenedParts()
  try {
    const document = parseDocument(await readFile(pipelineFile, 'utf8'))
    let brokers: string | undefined
    if (choice.kafka) {
      const directory = await emptied(path.join(place, 'kafka'))
      const kafka = started.add(await startKafka({ directory }))
      brokers = kafka.bootstrap
      document.deleteIn(['source', 'files'])
      document.setIn(['source', 'kafka'], { brokers, topic: TOPIC })
      // The proof reads dead letters from files.
      document.setIn(['rejects'], { files: path.join(place, 'state', 'rejects') })
    }
    if (choice.redis) {
      const directory = await emptied(path.join(place, 'redis'))
      const redis = started.add(await startRedis({ directory }))
      document.setIn(['sinks', 'online'], { redis: redis.url })
    }
    const file = path.join(place, 'flights.yaml')
    await writeFile(file, document.toString())
    return { file, brokers, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() }
  } catch (error) {
    await started[Symbol.asyncDispose]()
    throw error
  }
}

/** Data of an earlier demo would be read as if it belonged to this one. */
async function emptied(directory: string): Promise<string> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  return directory
}

/** The files of the log as a topic: the same partitions, the arrival as the record's timestamp. */
export async function produceLog(
  brokers: string,
  directory: string,
  onProgress: (records: number) => void,
): Promise<number> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [
      {
        topic: TOPIC,
        numPartitions: PARTITIONS,
        // The flights are of 2001: by the default of seven days they would be deleted at once.
        configEntries: [{ name: 'retention.ms', value: '-1' }],
      },
    ],
  })
  await admin.disconnect()
  const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 1 })
  await producer.connect()
  let records = 0
  try {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const file = path.join(directory, `${partition}.jsonl`)
      await producePartition(producer, { partition, file }, (count) =>
        onProgress((records += count)),
      )
    }
  } finally {
    await producer.disconnect()
  }
  return records
}

async function producePartition(
  producer: Producer,
  { partition, file }: { readonly partition: number; readonly file: string },
  onSent: (count: number) => void,
): Promise<void> {
  let messages: { key: string; value: string; partition: number; timestamp: string }[] = []
  const send = async (): Promise<void> => {
    await producer.send({ topic: TOPIC, messages })
    onSent(messages.length)
    messages = []
  }
  for await (const value of createInterface({ input: createReadStream(file) })) {
    const { origin, arrived } = JSON.parse(value) as { origin: string; arrived: number }
    messages.push({ key: origin, value, partition, timestamp: String(arrived) })
    if (messages.length === RECORDS_PER_SEND) await send()
  }
  if (messages.length > 0) await send()
}
