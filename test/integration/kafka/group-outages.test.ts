/** The lease when processes die or stand still, brokers go away, coordinators move and access lists forbid. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startKafka } from '../../../servers/kafka.ts'
import type { KafkaServer } from '../../../servers/kafka.ts'
import type { KafkaLog } from '../../../src/core/definition.ts'
import { TidemarkError } from '../../../src/errors.ts'
import { KafkaCluster } from '../../../src/kafka/cluster.ts'
import { GroupCoordinator } from '../../../src/kafka/group-coordinator.ts'
import { describeGroup } from '../../../src/kafka/group-description.ts'
import { decodeErrorCode, leaveGroupRequest } from '../../../src/kafka/group-requests.ts'
import { ServerDirectory, uniqueName } from '../../support/servers.ts'
import { clock, collectLog, kafkaLog, KafkaClients } from './kafka-topic.ts'
import { LeaseProbe, LeaseProcess, nowMs } from './lease-probe.ts'

/** So that sessions may be short. */
const settings = { 'group.min.session.timeout.ms': '500' }
const log = collectLog().log

async function group(
  bootstrap: string,
  partitions: number,
  sessionTimeoutMs: number,
): Promise<KafkaLog> {
  const topic = uniqueName('leased')
  await using clients = new KafkaClients(bootstrap)
  await clients.createTopic(topic, partitions)
  return kafkaLog(bootstrap, topic, { group: topic, sessionTimeoutMs })
}

async function join(definition: KafkaLog): Promise<LeaseProbe> {
  const probe = await LeaseProbe.join(definition)
  onTestFinished(() => probe[Symbol.asyncDispose]())
  return probe
}

function joinElsewhere(definition: KafkaLog): LeaseProcess {
  const child = new LeaseProcess({ definition })
  onTestFinished(() => child[Symbol.asyncDispose]())
  return child
}

function failureOf(probe: LeaseProbe): TidemarkError {
  const failed = probe.events.find((event) => event.kind === 'failed')
  if (!(failed?.error instanceof TidemarkError)) throw new Error('no failure was told')
  return failed.error
}

describe('one broker', () => {
  const directory = new ServerDirectory()
  let kafka: KafkaServer
  beforeAll(async () => {
    kafka = await startKafka({ directory: directory.path, settings, proxied: true })
  })
  afterAll(async () => {
    await kafka.stop()
    directory[Symbol.dispose]()
  })

  test('the partitions of a member that was killed go to the others when its session is over', async () => {
    const definition = await group(kafka.bootstrap, 4, 2_000)
    const survivor = await join(definition)
    await survivor.untilHolds(4)
    const victim = joinElsewhere(definition)
    await Promise.all([survivor.untilHolds(2), victim.untilHolds(2)])
    const killedMs = nowMs()
    victim.signal('SIGKILL')
    await survivor.untilHolds(4)
    const tookMs = nowMs() - killedMs
    expect(tookMs).toBeGreaterThan(1_000)
    expect(tookMs).toBeLessThan(6_000)
    expect(survivor.kinds).not.toContain('lost')
  })

  test('T14 a process that stood still beyond its session knows first of all that its partitions are lost', async () => {
    const definition = await group(kafka.bootstrap, 4, 2_000)
    const other = await join(definition)
    await other.untilHolds(4)
    const sleeper = joinElsewhere(definition)
    await Promise.all([other.untilHolds(2), sleeper.untilHolds(2)])
    const told = sleeper.events.length
    sleeper.signal('SIGSTOP')
    await other.untilHolds(4)
    await sleep(300)
    const wokenMs = nowMs()
    sleeper.signal('SIGCONT')
    await sleeper.until(({ events }) => events.length >= told + 2)
    expect(sleeper.kinds.slice(told, told + 2)).toEqual(['lost', 'assigned'])
    expect((sleeper.events[told]?.atMs ?? Infinity) - wokenMs).toBeLessThan(1_000)
    // What each kept on its disk is what each gets back.
    await Promise.all([other.untilHolds(2), sleeper.untilHolds(2)])
    expect([...(other.held ?? []), ...(sleeper.held ?? [])].sort()).toEqual([0, 1, 2, 3])
    expect(other.kinds).not.toContain('lost')
  })

  test('a member that the coordinator does not know any more tells that its partitions are lost, then joins anew', async () => {
    const definition = await group(kafka.bootstrap, 2, 4_000)
    const member = await join(definition)
    await member.untilHolds(2)
    await using clients = new KafkaClients(kafka.bootstrap)
    const admin = await clients.admin()
    const { groups } = await admin.describeGroups([definition.group])
    const id = groups[0]?.members[0]?.memberId ?? ''
    await using cluster = new KafkaCluster({ definition, log, clock, silenceMs: 2_000 })
    const coordinator = new GroupCoordinator(cluster, definition.group)
    const request = leaveGroupRequest(definition.group, id)
    expect(await coordinator.ask({ request, decode: decodeErrorCode })).toBe(0)
    await member.until(({ events }) => events.length >= 3)
    expect(member.kinds).toEqual(['assigned', 'lost', 'assigned'])
    expect(member.warnings.join()).toContain('does not know this member')
  })

  test('connections that break, and a broker that restarts within the session, cost nothing', async () => {
    const definition = await group(kafka.bootstrap, 2, 15_000)
    const throughProxy = { ...definition, brokers: [kafka.proxied.bootstrap] }
    const [first, second] = [await join(definition), await join(throughProxy)]
    await Promise.all([first.untilHolds(1), second.untilHolds(1)])
    const before = [...(first.held ?? []), ...(second.held ?? [])]
    for (let cut = 0; cut < 5; cut++) {
      kafka.proxied.proxy(1).cut()
      await sleep(150)
    }
    await kafka.node(1).kill()
    await kafka.node(1).start()
    // Both are members still: a third one's joining reaches them.
    const third = await join(definition)
    await third.untilHolds(0)
    await sleep(1_500)
    expect([...(first.held ?? []), ...(second.held ?? [])]).toEqual(before)
    expect([...first.kinds, ...second.kinds, ...third.kinds]).not.toContain('lost')
  })

  test('brokers that are away for longer than a session: lost in time, joined again when they are back', async () => {
    const definition = await group(kafka.proxied.bootstrap, 2, 2_000)
    const member = await join(definition)
    await member.untilHolds(2)
    const proxy = kafka.proxied.proxy(1)
    proxy.hold()
    const heldMs = nowMs()
    await member.until(({ kinds }) => kinds.includes('lost'))
    const lostMs = (member.last?.atMs ?? Infinity) - heldMs
    expect(lostMs).toBeGreaterThan(1_000)
    expect(lostMs).toBeLessThan(2_300)
    expect(member.warnings.join()).toMatch(/no answer from the group's coordinator for 2 s/)
    await sleep(1_000)
    proxy.heal()
    await member.untilHolds(2)
    expect(member.kinds).toEqual(['assigned', 'lost', 'assigned'])
  })

  test('a member that starts while no broker answers waits for them', async () => {
    const definition = await group(kafka.proxied.bootstrap, 1, 4_000)
    const proxy = kafka.proxied.proxy(1)
    proxy.down()
    onTestFinished(() => proxy.heal())
    const member = await join(definition)
    await sleep(1_000)
    expect(member.events).toEqual([])
    proxy.heal()
    await member.untilHolds(1)
  })

  test('leaving is not held up by a broker that hangs', async () => {
    const definition = await group(kafka.proxied.bootstrap, 1, 20_000)
    const member = await join(definition)
    await member.untilHolds(1)
    member.lease.publish(0, 1)
    const proxy = kafka.proxied.proxy(1)
    proxy.hold()
    onTestFinished(() => proxy.heal())
    const startMs = nowMs()
    await member[Symbol.asyncDispose]()
    expect(nowMs() - startMs).toBeLessThan(5_000)
    expect(member.kinds).toEqual(['assigned'])
  })
})

describe('access lists', () => {
  const directory = new ServerDirectory()
  let kafka: KafkaServer
  beforeAll(async () => {
    kafka = await startKafka({ directory: directory.path, secure: true })
  })
  afterAll(async () => {
    await kafka.stop()
    directory[Symbol.dispose]()
  })

  async function asAlice(password = 'alice-secret'): Promise<KafkaLog> {
    const definition = await group(kafka.bootstrap, 1, 6_000)
    await allow('topic', definition.topic)
    const { bootstrap, ca } = kafka.sasl
    return {
      ...definition,
      brokers: [bootstrap],
      tls: { ca },
      sasl: { mechanism: 'scram-sha-256', username: 'alice', password },
    }
  }

  async function allow(kind: 'topic' | 'group', name: string): Promise<void> {
    await using clients = new KafkaClients(kafka.bootstrap)
    const admin = await clients.admin()
    await admin.createAcls({
      acl: [
        {
          resourceType: kind === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
          resourceName: name,
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: 'User:alice',
          host: '*',
          operation: AclOperationTypes.READ,
          permissionType: AclPermissionTypes.ALLOW,
        },
      ],
    })
  }

  test('no right to the group: the message has the command that gives it, and after it all is well', async () => {
    const definition = await asAlice()
    const member = await join(definition)
    await member.until(({ kinds }) => kinds.includes('failed'))
    const { code, message } = failureOf(member)
    expect(code).toBe('GROUP_REFUSED')
    const command = `kafka-acls.sh --bootstrap-server ${kafka.sasl.bootstrap} --add --allow-principal User:alice --operation Read --group ${definition.group}`
    expect(message).toContain(command)
    expect(await describeGroup(definition, { log, clock })).toEqual({
      group: definition.group,
      mayJoin: false,
      command,
      state: undefined,
      members: [],
    })

    await allow('group', definition.group)
    const allowed = await join(definition)
    await allowed.untilHolds(1)
    expect(await describeGroup(definition, { log, clock })).toMatchObject({ mayJoin: true })
  })

  test('a wrong password is a refusal, not an outage', async () => {
    const member = await join(await asAlice('wrong'))
    await member.until(({ kinds }) => kinds.includes('failed'))
    const { code, message } = failureOf(member)
    expect(code).toBe('SOURCE_REFUSED')
    expect(message).toContain('source.kafka.sasl')
  })
})

describe('three brokers', () => {
  test('when the coordinator dies the next one knows the members: nothing is lost, nothing moves', async () => {
    using directory = new ServerDirectory()
    await using kafka = await startKafka({ directory: directory.path, nodes: 3 })
    const definition = await group(kafka.bootstrap, 4, 20_000)
    await using first = await LeaseProbe.join(definition)
    await using second = await LeaseProbe.join(definition)
    await Promise.all([first.untilHolds(2), second.untilHolds(2)])
    const before = [first.held, second.held]
    await using clients = new KafkaClients(kafka.bootstrap)
    const admin = await clients.admin()
    const metadata = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] })
    const coordinator = metadata.topics[0]?.partitions[0]?.leader ?? 1
    await kafka.node(coordinator).kill()
    await using third = await LeaseProbe.join(definition)
    await third.until(({ held }) => held !== undefined, 30_000)
    const all = (): number[] => [first, second, third].flatMap(({ held }) => held ?? [])
    await expect.poll(() => all().toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
    expect([...first.kinds, ...second.kinds]).not.toContain('lost')
    // One has come, so one partition has moved.
    const kept = [first.held, second.held].map(
      (held, index) => held?.filter((one) => before[index]?.includes(one)).length ?? 0,
    )
    expect(kept.reduce((sum, count) => sum + count)).toBe(3)
    for (const probe of [first, second, third]) await probe[Symbol.asyncDispose]()
    // Two of three that are told to stop would wait for each other.
    await Promise.all(kafka.nodes.map((node) => node.kill()))
  })
})
