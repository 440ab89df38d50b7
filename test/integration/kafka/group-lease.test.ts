/** The lease on partitions, on a real broker: members come and go, and each knows at any time what is its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaMessage } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { KafkaLog } from '../../../src/core/definition.ts'
import { TidemarkError } from '../../../src/errors.ts'
import { createGroupLease } from '../../../src/kafka/group-lease.ts'
import { describeGroup } from '../../../src/kafka/group-description.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { clock, collectLog, kafkaLog, KafkaClients } from './kafka-topic.ts'
import { LeaseProbe, listenerOf, nowMs } from './lease-probe.ts'
import type { LeaseEvent } from './lease-probe.ts'
import { SEED } from '../../support/seed.ts'

async function group(partitions: number, more: Partial<KafkaLog> = {}): Promise<KafkaLog> {
  const { bootstrap } = await sharedKafka()
  const topic = uniqueName('leased')
  await using clients = new KafkaClients(bootstrap)
  await clients.createTopic(topic, partitions)
  return kafkaLog(bootstrap, topic, { group: topic, ...more })
}

async function join(...args: Parameters<typeof LeaseProbe.join>): Promise<LeaseProbe> {
  const probe = await LeaseProbe.join(...args)
  onTestFinished(() => probe[Symbol.asyncDispose]())
  return probe
}

/** Each of the member's sets has at least these. */
function keptThroughout(probe: LeaseProbe, partitions: readonly number[]): boolean {
  return probe.events.every(
    (event) =>
      event.kind === 'assigned' && partitions.every((one) => event.partitions.includes(one)),
  )
}

async function committed(definition: KafkaLog): Promise<Record<number, string>> {
  await using clients = new KafkaClients(definition.brokers.join(','))
  const admin = await clients.admin()
  const [topic] = await admin.fetchOffsets({
    groupId: definition.group,
    topics: [definition.topic],
  })
  return Object.fromEntries(topic?.partitions.map((one) => [one.partition, one.offset]) ?? [])
}

function failure(events: readonly LeaseEvent[]): TidemarkError {
  const failed = events.find((event) => event.kind === 'failed')
  if (!(failed?.error instanceof TidemarkError)) throw new Error('no failure was told')
  return failed.error
}

describe('members share the partitions', () => {
  test('a member alone holds all, and nothing of the coming up of a group is worth a warning', async () => {
    const member = await join(await group(4))
    await member.untilHolds(4)
    expect(member.events).toMatchObject([{ kind: 'assigned', partitions: [0, 1, 2, 3] }])
    expect(member.warnings).toEqual([])
  })

  test('from one member to three to two: what is kept is never interrupted, what moves moves once', async () => {
    const definition = await group(6)
    const first = await join(definition)
    await first.untilHolds(6)
    const second = await join(definition)
    await Promise.all([first.untilHolds(3), second.untilHolds(3)])
    const third = await join(definition)
    await Promise.all([first.untilHolds(2), second.untilHolds(2), third.untilHolds(2)])
    const keptByFirst = first.held ?? []
    const keptByThird = third.held ?? []
    const leftMs = nowMs()
    await second[Symbol.asyncDispose]()
    await Promise.all([first.untilHolds(3), third.untilHolds(3)])
    const tookMs = (first.last?.atMs ?? Infinity) - leftMs

    expect([...(first.held ?? []), ...(third.held ?? [])].sort()).toEqual([0, 1, 2, 3, 4, 5])
    expect(keptThroughout(first, keptByFirst)).toBe(true)
    expect(keptThroughout(third, keptByThird)).toBe(true)
    // Left, not timed out: a session is 6 s.
    expect(tookMs).toBeLessThan(4_000)
    expect([...first.warnings, ...third.warnings]).toEqual([])
  })

  test('a member is told its whole set at every round, also where it is the same', async () => {
    const definition = await group(1)
    const first = await join(definition)
    await first.untilHolds(1)
    const second = await join(definition)
    await second.untilHolds(0)
    await first.until(({ events }) => events.length === 2)
    expect(first.events).toMatchObject([
      { kind: 'assigned', partitions: [0] },
      { kind: 'assigned', partitions: [0] },
    ])
  })

  test('a member that comes back gets what is on its disk', async () => {
    const definition = await group(4)
    const first = await join(definition)
    await first.untilHolds(4)
    const second = await join(definition, { onDisk: [0, 3] })
    await Promise.all([first.untilHolds(2), second.untilHolds(2)])
    expect(second.held).toEqual([0, 3])
    expect(keptThroughout(first, [1, 2])).toBe(true)
  })

  test('a member that leaves while it is joining does not keep the others waiting', async () => {
    const definition = await group(2)
    const first = await join(definition)
    await first.untilHolds(2)
    const hasty = await join(definition)
    await hasty[Symbol.asyncDispose]()
    await sleep(1_500)
    expect(first.held).toEqual([0, 1])
    expect(hasty.kinds).not.toContain('failed')
    const { members } = await describeGroup(definition, { log: collectLog().log, clock })
    expect(members.map(({ partitions }) => partitions)).toEqual([[0, 1]])
  })
})

describe('members that come and go at random', () => {
  test('what is in two sets of a member in a row was nobody else’s between them; in the end all is shared out', async () => {
    const definition = await group(8)
    const random = seededRandom(SEED)
    const all: LeaseProbe[] = []
    const present: LeaseProbe[] = []
    for (let step = 0; step < 24; step++) {
      if (present.length < 2 || (random() < 0.55 && present.length < 5)) {
        const probe = await join(definition, { onDisk: [step % 8] })
        all.push(probe)
        present.push(probe)
      } else {
        const [gone] = present.splice(Math.floor(random() * present.length), 1)
        await gone?.[Symbol.asyncDispose]()
      }
      await sleep(random() < 0.5 ? random() * 30 : random() * 700)
    }
    const held = (): number[] => present.flatMap((probe) => probe.held ?? [])
    await expect
      .poll(() => held().toSorted((a, b) => a - b), { timeout: 15_000, message: `seed ${SEED}` })
      .toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    const counts = present.map((probe) => probe.held?.length ?? 0)
    expect(Math.max(...counts) - Math.min(...counts), `seed ${SEED}`).toBeLessThanOrEqual(1)
    expect(intrusions(all), `seed ${SEED}`).toEqual([])
    expect(all.flatMap(({ kinds }) => kinds)).not.toContain('failed')
  })
})

/** Partitions that a member kept, by what it was told, while another was given them. */
function intrusions(probes: readonly LeaseProbe[]): string[] {
  return probes.flatMap((probe) =>
    probe.events.flatMap((event, index) => {
      const before = probe.events[index - 1]
      if (event.kind !== 'assigned' || before?.kind !== 'assigned') return []
      const kept = event.partitions.filter((one) => before.partitions.includes(one))
      return probes
        .filter((other) => other !== probe)
        .flatMap((other) => other.events)
        .filter(({ atMs }) => atMs > before.atMs && atMs < event.atMs)
        .flatMap((given) => (given.kind === 'assigned' ? given.partitions : []))
        .filter((one) => kept.includes(one))
        .map((one) => `partition ${one} at ${event.atMs}`)
    }),
  )
}

function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('who may be a member', () => {
  test('a member that writes its tables elsewhere is refused, told why, and leaves', async () => {
    const definition = await group(2)
    const first = await join(definition, { place: 'place-one' })
    await first.untilHolds(2)
    const second = await join(definition, { place: 'place-two' })
    await second.until(({ kinds }) => kinds.includes('failed'))
    const error = failure(second.events)
    expect(error.code).toBe('GROUP_REFUSED')
    expect(error.message).toMatch(/held by .+ \(process \d+\)/)
    expect(error.message).toContain('the place place-one, this process to the place place-two')
    expect(error.message).toMatch(/same sinks.offline, or .+ source.kafka.group/)
    expect(second.kinds).not.toContain('assigned')
    // It has left without being asked to: the first goes on alone.
    await first.until(({ events }) => events.length >= 3)
    expect(keptThroughout(first, [0, 1])).toBe(true)
  })

  test('a member without tables is refused by one that has some', async () => {
    const definition = await group(2)
    const first = await join(definition, { place: 'place-one' })
    await first.untilHolds(2)
    const second = await join(definition)
    await second.until(({ kinds }) => kinds.includes('failed'))
    expect(failure(second.events).message).toContain('this process to no table at all')
  })

  test('a group that another program uses is refused', async () => {
    const definition = await group(1)
    const kafka = new Kafka({ brokers: [...definition.brokers], logLevel: logLevel.NOTHING })
    const consumer = kafka.consumer({ groupId: definition.group, maxWaitTimeInMs: 100 })
    onTestFinished(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topics: [definition.topic] })
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
    await consumer.run({ eachMessage: (_: { message: KafkaMessage }) => Promise.resolve() })
    await joined
    const member = await join(definition)
    await member.until(({ kinds }) => kinds.includes('failed'))
    expect(failure(member.events).message).toMatch(/another program .+ source.kafka.group/)
  })

  test('a session timeout that the brokers do not take is an error that names the limits', async () => {
    const member = await join(await group(1, { sessionTimeoutMs: 1_000 }))
    await member.until(({ kinds }) => kinds.includes('failed'))
    expect(failure(member.events).message).toMatch(/1000 ms.+group.min.session.timeout.ms/)
  })
})

describe('positions are published', () => {
  test('now and then, and at the end, for partitions that are held', async () => {
    const definition = await group(2)
    const member = await join(definition, {}, { publishEveryMs: 200 })
    await member.untilHolds(2)
    for (let offset = 1; offset <= 1_000; offset++) member.lease.publish(0, offset)
    member.lease.publish(7, 5)
    await expect
      .poll(() => committed(definition), { timeout: 5_000 })
      .toEqual({ 0: '1000', 1: '-1' })
    member.lease.publish(0, 1_001)
    member.lease.publish(1, 3)
    await member[Symbol.asyncDispose]()
    expect(await committed(definition)).toEqual({ 0: '1001', 1: '3' })
  })
})

describe('mistakes of others', () => {
  test('a listener that throws a TypeError is told as a failure: the member does not stop in silence', async () => {
    const definition = await group(1)
    const events: LeaseEvent[] = []
    const lease = createGroupLease(definition, { log: collectLog().log, clock })
    onTestFinished(() => lease[Symbol.asyncDispose]())
    const failed = new Promise((resolve) => {
      void lease.join(
        { place: undefined, onDisk: [] },
        {
          ...listenerOf((event) => events.push(event)),
          assigned: () => {
            throw new TypeError('a bug')
          },
          failed: resolve,
        },
      )
    })
    expect(await failed).toEqual(new TypeError('a bug'))
  })
})

describe('a group from outside', () => {
  test('who is in it and what each holds', async () => {
    const definition = await group(2)
    const surroundings = { log: collectLog().log, clock }
    const before = await describeGroup(definition, surroundings)
    expect(before).toEqual({ group: definition.group, mayJoin: true, state: 'Dead', members: [] })
    const member = await join(definition, { place: 'place-one' })
    await member.untilHolds(2)
    const { members, state } = await describeGroup(definition, surroundings)
    expect(state).toBe('Stable')
    expect(members).toMatchObject([{ partitions: [0, 1], place: 'place-one', host: '127.0.0.1' }])
  })
})
