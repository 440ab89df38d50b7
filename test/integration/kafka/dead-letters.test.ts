/** Dead letters in a topic of a real broker: written once for good, through outages, and read back as they were. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startKafka } from '../../../servers/kafka.ts'
import type { KafkaServer } from '../../../servers/kafka.ts'
import type { KafkaLog } from '../../../src/core/definition.ts'
import type { Reject, RejectSink } from '../../../src/engine/reject-port.ts'
import { TidemarkError } from '../../../src/errors.ts'
import { createDeadLetterTopic } from '../../../src/kafka/dead-letter-topic.ts'
import { readDeadLetters } from '../../../src/kafka/read-dead-letters.ts'
import type { DeadLetterFilter } from '../../../src/kafka/read-dead-letters.ts'
import { ServerDirectory, sharedKafka, uniqueName } from '../../support/servers.ts'
import { clock, collectLog, kafkaLog, KafkaClients } from './kafka-topic.ts'
import type { LoggedLine } from './kafka-topic.ts'

function rejectAt(offset: number, more: Partial<Reject> = {}): Reject {
  return {
    partition: 0,
    offset,
    generation: 1,
    reason: 'undecodable',
    views: [],
    message: 'not JSON',
    timestamp: 1_700_000_000_000,
    eventTime: undefined,
    key: Buffer.from('k'),
    value: Buffer.from(`{broken ${offset}`),
    headers: [],
    ...more,
  }
}

interface Rig {
  readonly definition: KafkaLog
  readonly topic: string
  readonly sink: RejectSink
  readonly lines: readonly LoggedLine[]
  readonly read: (filter?: DeadLetterFilter) => Promise<Reject[]>
}

function rigOf(definition: KafkaLog, topic: string, silenceMs?: number): Rig {
  const { log, lines } = collectLog()
  const parts = { definition, topic, log, clock }
  const sink = createDeadLetterTopic({ ...parts, ...(silenceMs !== undefined && { silenceMs }) })
  onTestFinished(() => sink[Symbol.asyncDispose]())
  const read = async (filter?: DeadLetterFilter): Promise<Reject[]> => {
    const all: Reject[] = []
    for await (const reject of readDeadLetters(parts, filter)) all.push(reject)
    return all
  }
  return { definition, topic, sink, lines, read }
}

async function openRig(
  partitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<Rig> {
  const { bootstrap } = await sharedKafka()
  const topic = uniqueName('dead')
  await using clients = new KafkaClients(bootstrap)
  await clients.createTopic(topic, partitions, config)
  return rigOf(kafkaLog(bootstrap, 'clicks'), topic)
}

async function refusal(write: Promise<void>): Promise<TidemarkError> {
  const error = await write.then(() => undefined).catch((caught: unknown) => caught)
  if (!(error instanceof TidemarkError)) throw new Error(`no refusal: ${String(error)}`)
  expect(error.code).toBe('REJECTS_UNWRITABLE')
  return error
}

describe('dead letters', () => {
  test('read back as they were written, with bytes, headers and reasons', async () => {
    const { sink, read } = await openRig()
    const rejects = [
      rejectAt(4, { value: null, key: null, timestamp: NaN }),
      rejectAt(5, { value: Buffer.from([0, 255, 128]), headers: [{ key: 'h', value: null }] }),
      rejectAt(9, {
        reason: 'too_late',
        views: ['daily', 'hourly'],
        eventTime: 1_699_999_000_000,
        late: { day: 19_675, entities: [{ view: 'daily', entity: 'ü\u001f1' }] },
      }),
    ]
    await sink.write(rejects)
    expect(await read()).toEqual(rejects)
  })

  test('what is repeated after a crash, or by another generation, is read once; another reason is another letter', async () => {
    const { sink, read } = await openRig()
    await sink.write([rejectAt(1), rejectAt(2)])
    const again = [
      rejectAt(2),
      rejectAt(3),
      rejectAt(2, { generation: 2 }),
      rejectAt(2, { reason: 'bad_field' }),
    ]
    await sink.write(again)
    expect(await read()).toEqual([rejectAt(1), rejectAt(2), rejectAt(3), again[3]])
  })

  test('the partition follows from the source partition, whoever writes', async () => {
    const rig = await openRig(3)
    const other = rigOf(rig.definition, rig.topic)
    const rejects = [0, 1, 2, 3, 4, 5].map((partition) => rejectAt(7, { partition }))
    await rig.sink.write(rejects.slice(0, 3))
    await other.sink.write(rejects.slice(3))
    await using clients = new KafkaClients(rig.definition.brokers.join(','))
    const admin = await clients.admin()
    const ends = await admin.fetchTopicOffsets(rig.topic)
    expect(ends.map(({ high }) => high)).toEqual(['2', '2', '2'])
    expect((await rig.read()).map(({ partition }) => partition)).toEqual([0, 3, 1, 4, 2, 5])
    expect((await rig.read({ partition: 4 })).map(({ partition }) => partition)).toEqual([4])
  })

  test('filters by reason, and passes over letters of other sources and records that are none', async () => {
    const rig = await openRig()
    const elsewhere = rigOf({ ...rig.definition, topic: 'orders' }, rig.topic)
    await elsewhere.sink.write([rejectAt(1)])
    await using clients = new KafkaClients(rig.definition.brokers.join(','))
    const producer = await clients.producer()
    await producer.send({ topic: rig.topic, messages: [{ key: 'x', value: 'y' }] })
    await rig.sink.write([rejectAt(1), rejectAt(2, { reason: 'future' })])
    expect((await rig.read()).map(({ offset }) => offset)).toEqual([1, 2])
    expect((await rig.read({ reason: 'future' })).map(({ offset }) => offset)).toEqual([2])
  })

  test('an empty topic has none', async () => {
    const { read } = await openRig(2)
    expect(await read()).toEqual([])
  })

  test('many at once, more than a request takes', async () => {
    const { sink, read } = await openRig()
    const rejects = Array.from({ length: 3_000 }, (_, offset) =>
      rejectAt(offset, { value: Buffer.alloc(1_000, offset) }),
    )
    await sink.write(rejects)
    expect((await read()).map(({ offset }) => offset)).toEqual(rejects.map(({ offset }) => offset))
  })
})

describe('letters that the topic does not take', () => {
  test('several that are too large together go one by one', async () => {
    const { sink, read } = await openRig(1, { 'max.message.bytes': '3000' })
    const rejects = Array.from({ length: 9 }, (_, offset) =>
      rejectAt(offset, { value: noise(1_000) }),
    )
    await sink.write(rejects)
    expect(await read()).toEqual(rejects)
  })

  test('one that is too large alone is an error that says which setting to raise, and how far', async () => {
    const { sink, topic, read } = await openRig(1, { 'max.message.bytes': '3000' })
    const { message } = await refusal(
      sink.write([rejectAt(6), rejectAt(7, { value: noise(5_000) })]),
    )
    expect(message).toContain('clicks[0]@7 takes ')
    expect(message).toContain(`--entity-name ${topic} --add-config max.message.bytes=1048576`)
    expect((await read()).map(({ offset }) => offset)).toEqual([6])
  })

  test('a large one that compresses well is taken', async () => {
    const { sink, read } = await openRig()
    const value = Buffer.alloc(4_000_000, 'text ')
    await sink.write([rejectAt(1, { value })])
    const [letter] = await read()
    expect(letter?.value && value.equals(letter.value)).toBe(true)
  })

  test('a topic that does not exist is not made: the message has the command that makes it', async () => {
    const { bootstrap } = await sharedKafka()
    const { sink, topic } = rigOf(kafkaLog(bootstrap, 'clicks'), uniqueName('missing'))
    const { message } = await refusal(sink.write([rejectAt(1)]))
    expect(message).toContain(
      `kafka-topics.sh --bootstrap-server ${bootstrap} --create --topic ${topic}`,
    )
    await using clients = new KafkaClients(bootstrap)
    const admin = await clients.admin()
    expect(await admin.listTopics()).not.toContain(topic)
  })
})

describe('outages', () => {
  const directory = new ServerDirectory()
  let kafka: KafkaServer
  beforeAll(async () => {
    kafka = await startKafka({ directory: directory.path, proxied: true, secure: true })
  })
  afterAll(async () => {
    await kafka.stop()
    directory[Symbol.dispose]()
  })

  async function openProxied(): Promise<Rig> {
    const topic = uniqueName('dead')
    await using clients = new KafkaClients(kafka.bootstrap)
    await clients.createTopic(topic, 1)
    return rigOf(kafkaLog(kafka.proxied.bootstrap, 'clicks'), topic, 1_000)
  }

  test('written through answers that are lost and connections that break: repeated, and read once', async () => {
    const { sink, read, lines } = await openProxied()
    const proxy = kafka.proxied.proxy(1)
    await sink.write([rejectAt(0)])
    proxy.lose('answers')
    const writing = sink.write([rejectAt(1), rejectAt(2)])
    await sleep(400)
    proxy.heal()
    await writing
    proxy.down()
    const later = sink.write([rejectAt(3)])
    await sleep(1_500)
    proxy.heal()
    await later
    expect((await read()).map(({ offset }) => offset)).toEqual([0, 1, 2, 3])
    const told = lines.filter(({ level }) => level === 'warn' || level === 'info')
    expect(told.map(({ level }) => level)).toEqual(['warn', 'info', 'warn', 'info'])
  })

  test('what was acknowledged is there after the broker was killed, and writing goes on by itself', async () => {
    const { sink, read } = await openProxied()
    await sink.write([rejectAt(0)])
    await kafka.node(1).kill()
    const writing = sink.write([rejectAt(1)])
    await kafka.node(1).start()
    await writing
    expect((await read()).map(({ offset }) => offset)).toEqual([0, 1])
  })

  test('a sink that is closed while nobody answers ends its write', async () => {
    const { sink } = await openProxied()
    const proxy = kafka.proxied.proxy(1)
    proxy.down()
    onTestFinished(() => proxy.heal())
    const writing = refusal(sink.write([rejectAt(0)]))
    await sleep(200)
    await sink[Symbol.asyncDispose]()
    expect((await writing).message).toContain('closed while trying')
  })

  test('no right to write: the message has the command that gives it', async () => {
    const topic = uniqueName('dead')
    await using clients = new KafkaClients(kafka.bootstrap)
    await clients.createTopic(topic, 1)
    const { bootstrap, ca } = kafka.sasl
    const sasl = { mechanism: 'plain', username: 'alice', password: 'alice-secret' } as const
    const { sink } = rigOf(kafkaLog(bootstrap, 'clicks', { tls: { ca }, sasl }), topic)
    const { message } = await refusal(sink.write([rejectAt(1)]))
    expect(message).toContain(
      `kafka-acls.sh --bootstrap-server ${bootstrap} --add --allow-principal User:alice --operation Write --topic ${topic}`,
    )
  })
})

/** Does not compress. */
function noise(bytes: number): Buffer {
  let seed = bytes
  return Buffer.from(
    Array.from({ length: bytes }, () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed >> 16
    }),
  )
}
