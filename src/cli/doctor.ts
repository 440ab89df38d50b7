/**
 * What a careful colleague would look at before a run: the places, the clock, and a sample of the records. Findings only;
 * nothing is written.
 */
import { createCalendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Clock, Log, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { createSchemaRegistry } from '../registry/schema-registry.ts'
import { openDecoder } from './compose.ts'
import { checkPlaces } from './doctor-places.ts'
import { checkRegistry } from './doctor-registry.ts'
import { checkDisorder, checkEventTimes, checkKeys, checkRejects } from './doctor-records.ts'
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

export async function examinePipeline({
  pipeline,
  source,
  clock,
  log,
  sample,
}: DoctorRequest): Promise<Finding[]> {
  return [
    {
      check: 'definition',
      verdict: 'ok',
      detail: `${pipeline.name}: ${plural(pipeline.views.length, 'view')}`,
    },
    checkClock(clock),
    ...(await checkPlaces(pipeline)),
    ...(await checkRegistry(pipeline, (url) => createSchemaRegistry(url, { log }))),
    ...(await checkSource({ pipeline, source, clock, log, sample })),
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

async function checkSource({
  pipeline,
  source,
  clock,
  log,
  sample: request,
}: DoctorRequest): Promise<Finding[]> {
  try {
    const parts = await locateSample(source, request)
    const bytes = parts.reduce((sum, { endOffset }) => sum + endOffset, 0)
    const found: Finding = {
      check: 'source',
      verdict: 'ok',
      detail: `${source.topic}: ${plural(parts.length, 'partition')}, ${bytesWords(bytes)}`,
    }
    const sample = await examine(
      pipeline,
      { source, decoder: openDecoder(pipeline, { clock, log }) },
      parts,
    )
    if (sample.records === 0) {
      return [
        {
          ...found,
          verdict: 'warning',
          detail: `${found.detail}: no records yet, so nothing more can be said`,
        },
      ]
    }
    const calendar = createCalendar(pipeline.time.zone)
    return [
      found,
      ...checkRejects(pipeline, sample),
      ...checkKeys(pipeline, sample),
      ...checkEventTimes(pipeline, sample, clock.wallMs()),
      ...checkDisorder(pipeline, sample, calendar),
      await checkFirewall(pipeline, source),
    ]
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return [{ check: 'source', verdict: 'problem', detail: error.message }]
  }
}

async function checkFirewall(pipeline: Pipeline, source: RecordSource): Promise<Finding> {
  const { future, words } = await firewallOf(pipeline, source)
  return { check: 'record timestamps', verdict: future === 'off' ? 'warning' : 'ok', detail: words }
}
