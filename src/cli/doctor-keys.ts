/**
 * Whether the log is partitioned by what the pipeline file says it is, as far as a sample of its records can tell: by the fields of
 * `source.key`, and by one kind of producer.
 */
import type { Pipeline } from '../core/definition.ts'
import type { ExaminedSample } from './examined-sample.ts'
import type { Finding } from './finding.ts'
import type { KeyFacts, Routing } from './key-tally.ts'
import { countWords, plural } from './words.ts'

export function checkKeys(pipeline: Pipeline, sample: ExaminedSample): Finding[] {
  const { source } = pipeline
  const { events, keyed, keys, records } = sample
  const name = source.key.join(', ')
  const findings: Finding[] = []
  if (events > 0) findings.push(checkFields(name, { events, keyed }))
  const { partitions } = keys.routing
  if (source.log.kind === 'kafka' && partitions > 1 && keys.keyless > 0)
    findings.push(keylessFinding(name, keys.keyless, records))
  findings.push(...checkBytes(name, keys))
  if (keys.scattered.length > 0) {
    findings.push({
      check: 'key routing',
      verdict: 'problem',
      detail: `${plural(keys.scattered.length, 'key')} stand in more than one partition, such as ${keys.scattered[0] ?? ''}`,
      advice:
        'the log is not partitioned by source.key: such a key has a row per partition, and only one of its values is served',
    })
  }
  if (source.log.kind === 'kafka') findings.push(...checkPartitioner(keys.routing))
  return findings
}

function checkFields(
  name: string,
  { events, keyed }: { readonly events: number; readonly keyed: number },
): Finding {
  if (keyed === events) return { check: 'key', verdict: 'ok', detail: `every event has ${name}` }
  return {
    check: 'key',
    verdict: keyed === 0 ? 'problem' : 'warning',
    detail: `${name} is missing or of another type in ${countWords(events - keyed)} of ${plural(events, 'event')}`,
    advice: 'check source.key, and the path of the field in source.fields',
  }
}

function keylessFinding(name: string, keyless: number, records: number): Finding {
  return {
    check: 'key bytes',
    verdict: 'problem',
    detail: `${countWords(keyless)} of ${plural(records, 'record')} have no key, so their producer spreads them over the partitions`,
    advice: `have the producer send ${name} as the record's key, or copy the topic into one that is keyed by it`,
  }
}

/** A key may be written by any serializer: what counts is that the same fields always come with the same key. */
function checkBytes(name: string, { bytes, repeated, unsteady }: KeyFacts): Finding[] {
  const { compared, equal, example } = bytes
  const check = 'key bytes'
  if (compared === 0) return []
  if (equal === compared)
    return [{ check, verdict: 'ok', detail: `the record's key is the text of ${name}` }]
  const advice = 'source.key must name what the log is partitioned by'
  const other = `in ${countWords(compared - equal)} of ${plural(compared, 'record')} the record's key is not the text of ${name} (${example})`
  if (unsteady > 0) {
    const detail = `${other}, and for ${countWords(unsteady)} of ${plural(repeated, 'key')} that came more than once it was not always the same`
    return [{ check, verdict: 'problem', detail, advice }]
  }
  if (repeated === 0) {
    const detail = `${other}; nothing came twice in the sample, so whether they go together cannot be told`
    return [{ check, verdict: 'warning', detail, advice: `${advice}; take a larger sample (-n)` }]
  }
  const detail = `${other}, but always the same for the same ${name} (${plural(repeated, 'key')} came more than once): an encoding of it`
  return [{ check, verdict: 'ok', detail }]
}

const PARTITIONER = 'partitioner'
/** Of deviations: what chance alone does not bring about. */
const BEYOND_CHANCE = 4

function checkPartitioner(routing: Routing): Finding[] {
  const { partitions, keys } = routing
  if (partitions === 1 || keys === 0) return []
  const [best] = routing.by.toSorted((a, b) => b.keys - a.keys)
  if (best === undefined) return []
  const chance = 1 / partitions
  const byChance = keys * chance + BEYOND_CHANCE * Math.sqrt(keys * chance * (1 - chance))
  if (byChance >= keys) {
    const detail = `${plural(keys, 'key')} are too few to tell how they were put into partitions`
    return [{ check: PARTITIONER, verdict: 'ok', detail }]
  }
  if (best.keys === keys) return [uniformFinding(routing, best)]
  return [best.keys > byChance ? mixedFinding(routing, byChance) : unknownFinding(routing)]
}

type Share = Routing['by'][number]

function uniformFinding({ keys, by }: Routing, { partitioner }: Share): Finding {
  const { clients, hash } = partitioner
  const detail = `${plural(keys, 'key')}, all where the default of ${clients} puts them (${hash})`
  const isJava = by[0]?.partitioner === partitioner
  if (isJava) return { check: PARTITIONER, verdict: 'ok', detail }
  return {
    check: PARTITIONER,
    verdict: 'ok',
    detail,
    advice: `a producer in Java would not: ${REMEDY}`,
  }
}

const REMEDY =
  'have all producers use one partitioner (librdkafka: partitioner=murmur2_random is that of Java)'

function mixedFinding({ keys, by }: Routing, byChance: number): Finding {
  const likely = by.filter((each) => each.keys > byChance).toSorted((a, b) => b.keys - a.keys)
  const words = likely.map(
    ({ partitioner: { clients, hash }, keys: count }) =>
      `${countWords(count)} where the default of ${clients} puts them (${hash})`,
  )
  return {
    check: PARTITIONER,
    verdict: 'problem',
    detail: `keys lie as several kinds of producers would put them, or partitions were added: of ${plural(keys, 'pair')} of key and partition ${words.join(', ')}`,
    advice: `a key that is written both ways has a row per partition: ${REMEDY}, then begin anew with a new topic`,
  }
}

function unknownFinding({ keys, by }: Routing): Finding {
  const known = by.map(({ partitioner }) => partitioner.hash).join(', ')
  return {
    check: PARTITIONER,
    verdict: 'warning',
    detail: `${plural(keys, 'key')} lie where none of the usual partitioners puts them (${known})`,
    advice:
      'nothing is wrong where all producers share one of their own, and no partition was ever added',
  }
}
