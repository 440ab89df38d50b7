/** What the doctor says of a topic and its settings: would the log be there when it is needed, and may its timestamps be trusted? */
import { DAY_MS } from '../core/day.ts'
import type { KafkaLog, Pipeline } from '../core/definition.ts'
import { position } from '../core/event.ts'
import type { StateHead } from '../engine/ports.ts'
import type { KafkaSource, TopicStanding } from '../kafka/kafka-log.ts'
import type { TopicFacts } from '../kafka/topic-facts.ts'
import { BEGIN_ANEW } from '../errors.ts'
import type { Finding } from './finding.ts'
import { countWords, bytesWords, durationWords, plural } from './words.ts'

/** @throws SOURCE_* where the brokers or the topic cannot be reached */
export async function checkTopic(
  pipeline: Pipeline,
  { log, source }: { readonly log: KafkaLog; readonly source: KafkaSource },
  heads: readonly StateHead[],
): Promise<Finding[]> {
  const standing = await source.topicStanding()
  const starts = await source.logStarts()
  const ends = await endsOf(source, starts.length)
  const facts = await source.topicFacts()
  return [
    standingFinding(source.topic, {
      standing,
      facts,
      records: sum(ends) - sum(starts),
      partitions: starts.length,
    }),
    startFinding(log, { starts, ends, origins: await source.origins(), heads }),
    ...checkRetention(pipeline, facts),
  ]
}

async function endsOf(source: KafkaSource, partitions: number): Promise<number[]> {
  const ends: number[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    const tail = await source.tail?.(partition, 0)
    ends.push(tail?.endOffset ?? 0)
  }
  return ends
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

function standingFinding(
  topic: string,
  {
    standing: { replicas, replicasInSync },
    facts,
    records,
    partitions,
  }: {
    readonly standing: TopicStanding
    readonly facts: TopicFacts | 'not allowed'
    readonly records: number
    readonly partitions: number
  },
): Finding {
  const needed = facts === 'not allowed' ? '' : `, min.insync.replicas ${facts.replicasInSyncMin}`
  const detail = `${topic}: ${plural(partitions, 'partition')}, at most ${plural(records, 'record')}; copies of each: ${replicas}${needed}`
  if (replicasInSync === replicas) return { check: 'source', verdict: 'ok', detail }
  return {
    check: 'source',
    verdict: 'warning',
    detail: `${detail}; of some partition only ${replicasInSync} up to date`,
    advice: 'look after the brokers: another loss may take the partition away, or its end',
  }
}

/** Where a run would begin to read, and whether the log still has what the states here need next. */
function startFinding(
  { topic, start }: KafkaLog,
  {
    starts,
    ends,
    origins,
    heads,
  }: {
    readonly starts: readonly number[]
    readonly ends: readonly number[]
    readonly origins: readonly number[]
    readonly heads: readonly StateHead[]
  },
): Finding {
  const check = 'start'
  const gone = heads.find(({ partition, nextOffset }) => nextOffset < (starts[partition] ?? 0))
  if (gone !== undefined) {
    const { partition, nextOffset } = gone
    return {
      check,
      verdict: 'problem',
      detail: `the state needs ${position(topic, partition, nextOffset)} next, and the topic begins at offset ${starts[partition] ?? 0}: what lies between was removed`,
      advice: `start again where a checkpoint beyond it is kept, else ${BEGIN_ANEW}; OFFSET_GONE in docs/errors.md`,
    }
  }
  const known = new Map(heads.map((head) => [head.partition, head.nextOffset]))
  const froms = origins.map((origin, partition) => known.get(partition) ?? origin)
  const ahead = plural(sum(ends) - sum(froms), 'record')
  if (known.size === origins.length)
    return { check, verdict: 'ok', detail: `every partition has a state here; ${ahead} to read` }
  const from = typeof start === 'number' ? new Date(start).toISOString() : start
  const detail = `${plural(origins.length - known.size, 'partition')} without a state here; a new one begins at start: ${from}, ${ahead} to read`
  return { check, verdict: 'ok', detail }
}

/** How far back a state that is lost would have to read. */
function neededMs({ views, time }: Pipeline): { readonly ms: number; readonly words: string } {
  const days = Math.max(...views.flatMap(({ windows }) => windows))
  const words = `a window of ${plural(days, 'day')} and allowedLateness ${durationWords(time.allowedLatenessMs)}`
  return { ms: days * DAY_MS + time.allowedLatenessMs + time.outOfOrdernessMs, words }
}

export function checkRetention(pipeline: Pipeline, facts: TopicFacts | 'not allowed'): Finding[] {
  const check = 'retention'
  if (facts === 'not allowed') {
    return [
      {
        check,
        verdict: 'warning',
        detail: 'the settings of the topic may not be seen',
        advice: 'allow DescribeConfigs on it',
      },
    ]
  }
  const { retentionMs, retentionBytes, cleanupPolicy } = facts
  const findings: Finding[] = []
  if (cleanupPolicy.includes('compact')) {
    findings.push({
      check: 'cleanup policy',
      verdict: 'warning',
      detail: `cleanup.policy ${cleanupPolicy.join(',')}: of each key older records are removed, so what was counted once cannot be counted again`,
      advice:
        'a lost state could not be rebuilt from such a topic: read one with cleanup.policy=delete',
    })
  }
  if (!cleanupPolicy.includes('delete')) return findings
  const needed = neededMs(pipeline)
  const kept = [
    retentionMs === undefined ? undefined : `for ${durationWords(retentionMs)} (retention.ms)`,
    retentionBytes === undefined
      ? undefined
      : `up to ${bytesWords(retentionBytes)} per partition (retention.bytes)`,
  ].filter((part) => part !== undefined)
  const detail = `records are kept ${kept.length === 0 ? 'for ever' : kept.join(', ')}; ${needed.words} need ${durationWords(needed.ms)}`
  const isShort = retentionMs !== undefined && retentionMs < needed.ms
  if (!isShort && retentionBytes === undefined)
    return [...findings, { check, verdict: 'ok', detail }]
  const lacking = isShort
    ? `${durationWords(needed.ms - retentionMs)} of a lost state could not be rebuilt`
    : 'where that is less, a lost state could not be rebuilt whole'
  const advice = `raise ${isShort ? `retention.ms to ${countPlain(needed.ms)} or more` : ''}${isShort && retentionBytes !== undefined ? ' and ' : ''}${retentionBytes === undefined ? '' : 'retention.bytes, or set it to -1'}`
  return [...findings, { check, verdict: 'warning', detail: `${detail}: ${lacking}`, advice }]
}

function countPlain(count: number): string {
  return String(Math.ceil(count))
}

/** The clocks of brokers cannot be asked; what they (or producers) wrote is never of the future. */
export function checkRecordClock(
  newestTimestamp: number | undefined,
  wallMs: number,
  facts: TopicFacts | 'not allowed',
): Finding[] {
  if (newestTimestamp === undefined) return []
  const aheadMs = newestTimestamp - wallMs
  if (aheadMs <= CLOCK_APART_MS) return []
  const isBrokers = facts !== 'not allowed' && facts.timestampType === 'LogAppendTime'
  return [
    {
      check: 'record clock',
      verdict: 'warning',
      detail: `the newest timestamp of a record, set by ${isBrokers ? 'a broker' : 'its producer'}, is ${durationWords(aheadMs)} ahead of this machine's clock`,
      advice: 'run NTP on both: idle partitions tick by the clock of this machine',
    },
  ]
}

const CLOCK_APART_MS = 2_000

/** Dead letters are the late ledger: kept for as long as a late record still matters to some window. */
export function checkLetterRetention(
  pipeline: Pipeline,
  letters: TopicFacts,
  source: TopicFacts | 'not allowed',
): Finding | undefined {
  const check = 'dead letters'
  const { retentionMs, messageBytesMax } = letters
  const needed = neededMs(pipeline)
  if (retentionMs !== undefined && retentionMs < needed.ms) {
    return {
      check,
      verdict: 'warning',
      detail: `they are kept for ${durationWords(retentionMs)} (retention.ms): late records are forgotten while windows of ${durationWords(needed.ms)} still lack them`,
      advice: 'set retention.ms=-1 on that topic',
    }
  }
  if (source === 'not allowed' || messageBytesMax >= source.messageBytesMax) return undefined
  return {
    check,
    verdict: 'warning',
    detail: `the topic takes batches up to ${countWords(messageBytesMax)} bytes, the source up to ${countWords(source.messageBytesMax)}`,
    advice:
      'raise max.message.bytes of that topic above that of the source: a dead letter that is too large stops the run',
  }
}
