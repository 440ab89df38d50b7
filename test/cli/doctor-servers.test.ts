/** What the doctor makes of answers of servers and of the keys in a sample: verdicts, and what is said with them. */
import { describe, expect, test } from 'vitest'
import { checkKeys } from '../../src/cli/doctor-keys.ts'
import { judgeGroup } from '../../src/cli/doctor-kafka.ts'
import {
  checkLetterRetention,
  checkRecordClock,
  checkRetention,
} from '../../src/cli/doctor-topic.ts'
import type { Finding } from '../../src/cli/finding.ts'
import { KeyTally } from '../../src/cli/key-tally.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import type { GroupDescription } from '../../src/kafka/group-description.ts'
import { PARTITIONERS } from '../../src/core/partitioner.ts'
import type { TopicFacts } from '../../src/kafka/topic-facts.ts'
import { resolveText } from '../support/resolve-text.ts'
import { matching } from '../support/text-matchers.ts'

const DAY_MS = 86_400_000

const PIPELINE: Pipeline = resolveText(
  `
name: shop
source:
  kafka: { brokers: 'b:9092', topic: events }
  format: json
  key: user
  fields: { user: string }
  event: { time: { field: at, format: ms } }
time: { outOfOrderness: 0s, allowedLateness: 1d }
views:
  activity: { entity: user, windows: [7d, 30d], features: { n: { count: '*' } } }
state: ./state
`,
  '/nowhere',
)

describe('keys', () => {
  const PARTITIONS = 8
  const users = Array.from({ length: 50 }, (_, index) => `u${index}`)

  interface Sent {
    readonly user: string
    /** Of the record; undefined: it has none. */
    readonly key: string | undefined
    readonly partition: number
  }

  function found(sent: readonly Sent[]): Map<string, Finding> {
    const tally = new KeyTally(PARTITIONS)
    for (const { user, key, partition } of sent) {
      const bytes = key === undefined ? undefined : Buffer.from(key)
      tally.takeRecord(bytes, partition)
      tally.takeEvent(user, bytes, partition)
    }
    const [events, keyed] = [sent.length, sent.length]
    const sample = { records: events, events, keyed, keys: tally.facts, tombstones: 0 }
    const nothing = { refused: new Map(), eventTimes: [], newestTimestamp: undefined }
    const findings = checkKeys(PIPELINE, { ...sample, ...nothing })
    return new Map(findings.map((finding) => [finding.check, finding]))
  }

  /** Each user twice, by each of the partitioners in turn. */
  function sentBy(kinds: readonly number[], keyOf = (user: string): string => user): Sent[] {
    return [...users, ...users].map((user, index) => {
      const kind = PARTITIONERS[kinds[index % kinds.length] ?? 0]
      const key = keyOf(user)
      return { user, key, partition: kind?.partitionOf(Buffer.from(key), PARTITIONS) ?? 0 }
    })
  }

  test.each([
    [0, /^50 keys, all where the default of Java clients puts them \(murmur2\)$/, undefined],
    [1, /librdkafka .* \(crc32\)/, matching(/a producer in Java would not/)],
    [2, /Sarama and kafka-go .* \(FNV-1a\)/, matching(/a producer in Java would not/)],
  ])('one kind of producer (%i) is named', (kind, detail, advice) => {
    const partitioner = found(sentBy([kind])).get('partitioner')
    expect(partitioner).toMatchObject({ verdict: 'ok', detail: matching(detail) })
    expect(partitioner?.advice).toEqual(advice)
  })

  test('two kinds of producers are a problem, though no key of the sample is in two partitions', () => {
    const split = users.map((user, index) => {
      const partition = PARTITIONERS[index % 2]?.partitionOf(Buffer.from(user), PARTITIONS) ?? 0
      return { user, key: user, partition }
    })
    const findings = found(split)
    expect(findings.get('key routing')).toBeUndefined()
    expect(findings.get('partitioner')).toMatchObject({
      verdict: 'problem',
      detail: matching(/Java clients .* \(murmur2\).*librdkafka|librdkafka.*murmur2/),
    })
  })

  test('a key in two partitions is a problem', () => {
    expect(found(sentBy([0, 1, 0])).get('key routing')).toMatchObject({ verdict: 'problem' })
  })

  test('a partitioner of its own is a warning, a handful of keys tell nothing', () => {
    const own = users.map((user, index) => ({ user, key: user, partition: index % PARTITIONS }))
    expect(found(own).get('partitioner')).toMatchObject({ verdict: 'warning' })
    expect(found(own.slice(0, 2)).get('partitioner')).toMatchObject({
      verdict: 'ok',
      detail: matching(/too few to tell/),
    })
  })

  test('a key that a serializer encoded goes with the field as long as it is always the same', () => {
    const encoded = (user: string): string => `\u0000\u0000\u0000\u0000\u0007${user}`
    expect(found(sentBy([0], encoded)).get('key bytes')).toMatchObject({
      verdict: 'ok',
      detail: matching(/always the same for the same user \(50 keys came more than once\)/),
    })
    const once = sentBy([0], encoded).slice(0, users.length)
    expect(found(once).get('key bytes')).toMatchObject({ verdict: 'warning' })
  })

  test('a key of something else is a problem, and so is none', () => {
    const byOrder = users.map((_, index) => ({
      user: `u${index % 5}`,
      key: `order ${index}`,
      partition: index % 8,
    }))
    expect(found(byOrder).get('key bytes')).toMatchObject({
      verdict: 'problem',
      detail: matching(/for 5 of 5 keys that came more than once it was not always the same/),
    })
    const keyless = users.map((user, index) => ({ user, key: undefined, partition: index % 8 }))
    expect(found(keyless).get('key bytes')).toMatchObject({
      verdict: 'problem',
      detail: matching(/^50 of 50 records have no key/),
    })
  })
})

describe('the topic', () => {
  const FACTS: TopicFacts = {
    timestampType: 'CreateTime',
    timestampAfterMaxMs: 3_600_000,
    retentionMs: 31 * DAY_MS,
    retentionBytes: undefined,
    cleanupPolicy: ['delete'],
    messageBytesMax: 1_000_000,
    replicasInSyncMin: 1,
  }

  test.each([
    ['as long as the longest window and the lateness', {}, [['retention', 'ok']]],
    ['for ever', { retentionMs: undefined }, [['retention', 'ok']]],
    ['a moment shorter', { retentionMs: 31 * DAY_MS - 1 }, [['retention', 'warning']]],
    ['limited by bytes', { retentionBytes: 2 ** 30 }, [['retention', 'warning']]],
    ['compacted', { cleanupPolicy: ['compact'] }, [['cleanup policy', 'warning']]],
    [
      'compacted and deleted',
      { cleanupPolicy: ['compact', 'delete'] },
      [
        ['cleanup policy', 'warning'],
        ['retention', 'ok'],
      ],
    ],
  ] as const)('records that are kept %s', (_, change, verdicts) => {
    const findings = checkRetention(PIPELINE, { ...FACTS, ...change })
    expect(findings.map(({ check, verdict }) => [check, verdict])).toEqual(verdicts)
  })

  test('what is lacking is told in days', () => {
    const [finding] = checkRetention(PIPELINE, { ...FACTS, retentionMs: 7 * DAY_MS })
    expect(finding?.detail).toMatch(
      /for 7 d .* need 31 d: 24 d of a lost state could not be rebuilt/,
    )
  })

  test('the late ledger has to outlive the windows, and to take what the source takes', () => {
    expect(checkLetterRetention(PIPELINE, FACTS, FACTS)).toBeUndefined()
    expect(checkLetterRetention(PIPELINE, { ...FACTS, retentionMs: DAY_MS }, FACTS)).toMatchObject({
      verdict: 'warning',
      detail: matching(/forgotten/),
    })
    const small = { ...FACTS, messageBytesMax: 999_999 }
    expect(checkLetterRetention(PIPELINE, small, FACTS)).toMatchObject({ verdict: 'warning' })
  })

  test("a record from the future tells of a clock, the broker's where it sets the timestamps", () => {
    expect(checkRecordClock(1_000, 0, FACTS)).toEqual([])
    expect(checkRecordClock(undefined, 0, FACTS)).toEqual([])
    const appended = { ...FACTS, timestampType: 'LogAppendTime' } as const
    expect(checkRecordClock(60_000, 0, FACTS)[0]?.detail).toMatch(/set by its producer, is 1 min/)
    expect(checkRecordClock(60_000, 0, appended)[0]?.detail).toMatch(/set by a broker/)
  })
})

describe('the group', () => {
  const HERE = { writesTables: true, place: 'here' }
  const member = { host: 'h', partitions: [1, 0], name: 'vm (process 7)', place: 'here' }
  const group: GroupDescription = { group: 'g', mayJoin: true, state: 'Stable', members: [member] }

  test.each([
    [{}, HERE, 'ok', /^g: 1 member: vm \(process 7\) holds 0, 1$/],
    [{ members: [], state: 'Empty' }, HERE, 'ok', /^g: no member now$/],
    [{ mayJoin: false, command: 'kafka-acls.sh' }, HERE, 'problem', /do not let us join g/],
    [{ members: [{ ...member, name: undefined }] }, HERE, 'problem', /another program .* on h/],
    [{}, { ...HERE, place: 'there' }, 'problem', /to the place here; this pipeline file: there/],
    [{}, { ...HERE, place: undefined }, 'problem', /a place that no run has used yet/],
    [{}, { writesTables: false, place: undefined }, 'problem', /this pipeline file: none/],
  ] as const)('%# %j', (change, own, verdict, detail) => {
    expect(judgeGroup({ ...group, ...change }, own)).toEqual([
      expect.objectContaining({ verdict, detail: matching(detail) }),
    ])
  })
})
