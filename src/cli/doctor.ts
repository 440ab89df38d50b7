/**
 * What a careful colleague would look at before a run: the places, the servers, the clock, and a sample of the records.
 * Findings only; nothing is written but a probe in a bucket.
 */
import { createCalendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Clock, Log, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { createSchemaRegistry } from '../registry/schema-registry.ts'
import type { KafkaSource } from '../kafka/kafka-log.ts'
import { isKafka, openDecoder } from './compose.ts'
import { checkKafka } from './doctor-kafka.ts'
import { checkKeys } from './doctor-keys.ts'
import { checkPlaces } from './doctor-places.ts'
import { checkRedis } from './doctor-redis.ts'
import { checkRegistry } from './doctor-registry.ts'
import { checkBuckets } from './doctor-storage.ts'
import { checkDisorder, checkEventTimes, checkRejects } from './doctor-records.ts'
import { checkRecordClock } from './doctor-topic.ts'
import type { Finding } from './finding.ts'
import { firewallOf } from './firewall.ts'
import { locateSample } from './sample.ts'
import type { SampleRequest } from './sample.ts'
import { examine } from './examined-sample.ts'
import { bytesWords, instantWords, plural } from './words.ts'

export interface DoctorRequest {
  readonly pipeline: Pipeline
  readonly source: RecordSource
  readonly clock: Clock
  readonly log: Log
  readonly sample: SampleRequest
}

export async function examinePipeline(request: DoctorRequest): Promise<Finding[]> {
  const { pipeline, clock, log } = request
  const { online } = pipeline.sinks
  return [
    {
      check: 'definition',
      verdict: 'ok',
      detail: `${pipeline.name}: ${plural(pipeline.views.length, 'view')}`,
    },
    checkClock(clock),
    ...(await checkPlaces(pipeline)),
    ...(await checkBuckets(pipeline)),
    ...(online?.kind === 'redis'
      ? await checkRedis(online, { pipeline: pipeline.name, clock })
      : []),
    ...(await checkRegistry(pipeline, (url) => createSchemaRegistry(url, { log }))),
    ...(await checkSource(request)),
  ]
}

/** A clock that stands before this program was written is not set. */
const WRITTEN_MS = Date.UTC(2025, 0, 1)

function checkClock(clock: Clock): Finding {
  const now = clock.wallMs()
  const detail = `the wall clock says ${instantWords(Math.floor(now / 1000) * 1000)}`
  return now >= WRITTEN_MS
    ? { check: 'clock', verdict: 'ok', detail }
    : {
        check: 'clock',
        verdict: 'problem',
        detail,
        advice: 'set the clock: idle partitions are moved on by it',
      }
}

/** A log that cannot be reached is one finding; what it holds is looked at only then. */
async function checkSource(request: DoctorRequest): Promise<Finding[]> {
  const { pipeline, source, clock, log } = request
  const definition = pipeline.source.log
  const findings: Finding[] = []
  try {
    if (definition.kind === 'kafka' && isKafka(source)) {
      const surroundings = { clock, log }
      findings.push(...(await checkKafka(pipeline, { log: definition, source, surroundings })))
      findings.push(await checkTimestamps(pipeline, source))
    }
    findings.push(...(await checkRecords(request)))
    return findings
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return [...findings, { check: 'source', verdict: 'problem', detail: error.message }]
  }
}

async function checkRecords({
  pipeline,
  source,
  clock,
  log,
  sample: request,
}: DoctorRequest): Promise<Finding[]> {
  const parts = await locateSample(source, request)
  const bytes = parts.reduce((sum, { endOffset }) => sum + endOffset, 0)
  const files: Finding = {
    check: 'source',
    verdict: 'ok',
    detail: `${source.topic}: ${plural(parts.length, 'partition')}, ${bytesWords(bytes)}`,
  }
  const found = isKafka(source) ? [] : [files]
  const decoder = openDecoder(pipeline, { clock, log })
  const sample = await examine(pipeline, { source, decoder }, parts)
  if (sample.records === 0) {
    const detail = `${source.topic}: no records yet, so nothing more can be said`
    return [...found, { check: 'records', verdict: 'warning', detail }]
  }
  const wallMs = clock.wallMs()
  return [
    ...found,
    ...checkRejects(pipeline, sample),
    ...checkKeys(pipeline, sample),
    ...checkEventTimes(pipeline, sample, wallMs),
    ...checkDisorder(pipeline, sample, createCalendar(pipeline.time.zone)),
    ...(isKafka(source)
      ? checkRecordClock(sample.newestTimestamp, wallMs, await source.topicFacts())
      : [await checkFirewall(pipeline, source)]),
  ]
}

/** Of a log of files: it runs without the check, too. */
async function checkFirewall(pipeline: Pipeline, source: RecordSource): Promise<Finding> {
  const { future, words } = await firewallOf(pipeline, source)
  return { check: 'record timestamps', verdict: future === 'off' ? 'warning' : 'ok', detail: words }
}

/** Of a topic: a run refuses to start without it. */
async function checkTimestamps(pipeline: Pipeline, source: KafkaSource): Promise<Finding> {
  const { future, words } = await firewallOf(pipeline, source)
  const verdict = future === 'off' ? 'problem' : 'ok'
  return { check: 'record timestamps', verdict, detail: words }
}
