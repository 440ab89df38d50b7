/** TLS, mutual TLS, SASL and access lists against a real broker, and what an operator is told when they refuse. */
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafka } from '../../../servers/kafka.ts'
import type { KafkaServer } from '../../../servers/kafka.ts'
import type { KafkaLog } from '../../../src/core/definition.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import type { KafkaSource } from '../../../src/kafka/kafka-log.ts'
import { ServerDirectory, uniqueName } from '../../support/servers.ts'
import { clock, collectLog, kafkaLog, KafkaClients, readCount, valuesOf } from './kafka-topic.ts'

const directory = new ServerDirectory()
let kafka: KafkaServer
let clients: KafkaClients
let topic: string
beforeAll(async () => {
  kafka = await startKafka({ directory: directory.path, secure: true })
  clients = new KafkaClients(kafka.bootstrap)
  topic = uniqueName('secure')
  await clients.createTopic(topic, 1)
  const producer = await clients.producer()
  await producer.send({ topic, messages: [{ value: 'secret' }] })
})
afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  await kafka.stop()
  directory[Symbol.dispose]()
})

const PASSWORD = 'admin-secret'

function open(more: Partial<KafkaLog>, bootstrap = kafka.sasl.bootstrap): KafkaSource {
  const { log } = collectLog()
  return createKafkaLog(kafkaLog(bootstrap, topic, more), { log, clock, patienceMs: 1_500 })
}

test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
  'a topic is read over TLS as a user of SASL %s',
  async (mechanism) => {
    await using source = open({
      tls: { ca: kafka.sasl.ca },
      sasl: { mechanism, username: 'admin', password: PASSWORD },
    })
    await using reader = await source.open(0, 0)
    expect(valuesOf(await readCount(reader, 1))).toEqual(['secret'])
  },
)

test('a topic is read over mutual TLS, as the certificate’s user', async () => {
  const { bootstrap, ca, certificate, key } = kafka.mutual
  await allow(AclOperationTypes.READ)
  try {
    await using source = open({ tls: { ca, certificate, key } }, bootstrap)
    await using reader = await source.open(0, 0)
    expect(valuesOf(await readCount(reader, 1))).toEqual(['secret'])
  } finally {
    await forbid()
  }
})

test('a wrong password is refused at once, and is not in the message or the log', async () => {
  const { log, lines } = collectLog()
  const sasl = { mechanism: 'scram-sha-256', username: 'admin', password: 'hunter2' } as const
  const definition = kafkaLog(kafka.sasl.bootstrap, topic, { tls: { ca: kafka.sasl.ca }, sasl })
  await using source = createKafkaLog(definition, { log, clock })
  const startMs = performance.now()
  const error: unknown = await source.topology().catch((caught: unknown) => caught)
  expect(performance.now() - startMs).toBeLessThan(3_000)
  expect(error).toMatchObject({ code: 'SOURCE_REFUSED' })
  expect(String(error)).toMatch(/invalid credentials.*Check source\.kafka\.sasl/)
  expect(`${String(error)} ${JSON.stringify(lines)}`).not.toContain('hunter2')
  expect(lines.filter(({ level }) => level !== 'debug')).toEqual([])
})

test('a mechanism that the listener does not have is refused in words', async () => {
  await using source = open({
    tls: { ca: kafka.sasl.ca },
    sasl: { mechanism: 'plain', username: 'admin', password: 'wrong' },
  })
  await expect(source.topology()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
})

test('TLS problems are told in words', async () => {
  const sasl = { mechanism: 'plain', username: 'admin', password: PASSWORD } as const
  await using unknownAuthority = open({ tls: {}, sasl })
  await expect(unknownAuthority.topology()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
  await expect(unknownAuthority.topology()).rejects.toThrow(/give its CA as source\.kafka\.tls\.ca/)

  await using withoutTls = open({ sasl })
  await expect(withoutTls.topology()).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
  await expect(withoutTls.topology()).rejects.toThrow(/expects TLS \(source\.kafka\.tls\)/)

  await using tlsToPlain = open({ tls: { ca: kafka.sasl.ca } }, kafka.bootstrap)
  await expect(tlsToPlain.topology()).rejects.toThrow(/may speak plain text/)

  await using withoutCertificate = open({ tls: { ca: kafka.mutual.ca } }, kafka.mutual.bootstrap)
  await expect(withoutCertificate.topology()).rejects.toThrow(/client certificate/)

  await using noFile = open({ tls: { ca: '/no/such/ca.pem' } })
  await expect(noFile.topology()).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
  await expect(noFile.topology()).rejects.toThrow(/source\.kafka\.tls\.ca: cannot read \/no\/such/)

  await using noPem = open({
    tls: { ca: kafka.sasl.ca, certificate: kafka.node(1).log, key: kafka.node(1).log },
  })
  await expect(noPem.topology()).rejects.toThrow(/Expected PEM files/)
})

test('a listener with SASL that is spoken to without it says so', async () => {
  await using source = open({ tls: { ca: kafka.sasl.ca } })
  await expect(source.topology()).rejects.toThrow(/expects SASL \(source\.kafka\.sasl\)/)
})

test('a missing right is told with the resource, the user and the command that gives it', async () => {
  const security = {
    tls: { ca: kafka.sasl.ca },
    sasl: { mechanism: 'scram-sha-512', username: 'alice', password: 'alice-secret' },
  } as const
  const refused = new RegExp(
    `User:alice may not read the topic ${topic}.*kafka-acls\\.sh .* --allow-principal User:alice --operation Read --topic ${topic}`,
    's',
  )
  await using source = open(security)
  await expect(source.topology()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
  await expect(source.topology()).rejects.toThrow(refused)
  // Describe lets it see the topic, but not its records: found out by the first fetch.
  await allow(AclOperationTypes.DESCRIBE)
  await using reader = await source.open(0, 0)
  await expect(readCount(reader, 1)).rejects.toThrow(refused)
  await expect(source.topicFacts()).resolves.toBe('not allowed')
  await expect(source.checkTimestamps()).rejects.toThrow(/DescribeConfigs.*trustProducerClock/s)
  await allow(AclOperationTypes.READ)
  await using allowed = await source.open(0, 0)
  expect(valuesOf(await readCount(allowed, 1))).toEqual(['secret'])
  // Taken back while it is read.
  await forbid()
  await expect(readCount(allowed, 1)).rejects.toThrow(refused)
})

async function allow(operation: AclOperationTypes): Promise<void> {
  const admin = await clients.admin()
  await admin.createAcls({ acl: [{ ...aliceOn(topic), operation }] })
}

async function forbid(): Promise<void> {
  const admin = await clients.admin()
  await admin.deleteAcls({ filters: [{ ...aliceOn(topic), operation: AclOperationTypes.ANY }] })
}

function aliceOn(name: string) {
  return {
    principal: 'User:alice',
    host: '*',
    resourceType: AclResourceTypes.TOPIC,
    resourceName: name,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    permissionType: AclPermissionTypes.ALLOW,
  }
}
