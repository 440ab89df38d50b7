/**
 * The `/metrics` page of a run. prom-client's registry writes the text and measures the process; Tidemark's own metrics
 * (`catalogue.ts`) are read from the last progress of the run while it is written.
 */
import { setImmediate } from 'node:timers/promises'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Metric as RegisteredMetric } from 'prom-client'
import { createCalendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Distribution } from '../engine/meters.ts'
import type { RunProgress } from '../engine/parts.ts'
import type { Clock } from '../engine/ports.ts'
import { METRICS } from './catalogue.ts'
import { Measured } from './measured.ts'
import type {
  JudgedGate,
  Labels,
  Metric,
  MeasuredSizes,
  Moment,
  OpenPublications,
  Sample,
} from './metric.ts'

export interface MetricsParts {
  readonly pipeline: Pipeline
  readonly topic: string
  /** Of Tidemark. */
  readonly version: string
  readonly clock: Clock
  readonly progress: () => RunProgress | undefined
  readonly extras?: MetricsExtras
}

/** What the run itself does not know. What takes a look outside is asked beside the scrapes, and not often. */
export interface MetricsExtras {
  readonly sourceReachable?: () => boolean
  readonly stateBytes?: () => Promise<ReadonlyMap<number, number>>
  readonly tableBytes?: () => Promise<ReadonlyMap<string, number>>
  /** Undefined where the store evicts nothing. */
  readonly evictedKeys?: () => Promise<number | undefined>
  /** Of the newest complete day of each view. */
  readonly gates?: () => readonly JudgedGate[]
  readonly publications?: () => OpenPublications | undefined
}

export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
}

const STATE_BYTES_AGE_MS = 60_000
const TABLE_BYTES_AGE_MS = 300_000
const EVICTED_KEYS_AGE_MS = 10_000
/** A page of many partitions is written in pieces, so that the fold goes on between them. */
const PIECE_MS = 4

/** Gauges whose names end like counters: their sums say nothing that the same metric by type does not. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export function createMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry()
  const moments = new Moments(parts)
  for (const metric of METRICS) registry.registerMetric(asRegistered(metric, moments))
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  let writing: Promise<string> | undefined
  return {
    contentType: registry.contentType,
    // Who asks while a page is written gets that page.
    text: () =>
      (writing ??= writePage(registry, moments).finally(() => {
        writing = undefined
      })),
  }
}

async function writePage(registry: Registry, moments: Moments): Promise<string> {
  moments.advance()
  const texts: string[] = []
  let pieceMs = performance.now()
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name))
    if (performance.now() - pieceMs < PIECE_MS) continue
    await setImmediate()
    pieceMs = performance.now()
  }
  return `${texts.join('\n\n')}\n`
}

/** What the metrics of one page are read from. */
class Moments {
  readonly #parts: MetricsParts
  readonly #sizes: {
    readonly [Name in keyof MeasuredSizes]: Measured<MeasuredSizes[Name]>
  }
  readonly #fixed: Pick<Moment, 'pipeline' | 'topic' | 'version' | 'calendar'>
  #now: Moment | undefined

  constructor(parts: MetricsParts) {
    const { pipeline, topic, version, extras = {} } = parts
    this.#parts = parts
    this.#sizes = {
      stateBytes: measured(new Map<number, number>(), STATE_BYTES_AGE_MS, extras.stateBytes),
      tableBytes: measured(new Map<string, number>(), TABLE_BYTES_AGE_MS, extras.tableBytes),
      evictedKeys: measured(undefined, EVICTED_KEYS_AGE_MS, extras.evictedKeys),
    }
    this.#fixed = {
      pipeline,
      topic,
      version,
      calendar: createCalendar(pipeline.time.zone),
    }
  }

  get now(): Moment {
    return (this.#now ??= this.#read())
  }

  /** The next page begins. */
  advance(): void {
    this.#now = undefined
  }

  #read(): Moment {
    const { clock, progress, extras } = this.#parts
    const monotonicMs = clock.monotonicMs()
    const { stateBytes, tableBytes, evictedKeys } = this.#sizes
    return {
      ...this.#fixed,
      progress: progress(),
      sourceReachable: extras?.sourceReachable?.() ?? true,
      gates: extras?.gates?.() ?? [],
      publications: extras?.publications?.(),
      wallMs: clock.wallMs(),
      monotonicMs,
      sizes: {
        stateBytes: stateBytes.read(monotonicMs),
        tableBytes: tableBytes.read(monotonicMs),
        evictedKeys: evictedKeys.read(monotonicMs),
      },
    }
  }
}

function measured<T>(
  nothing: T,
  maxAgeMs: number,
  ask: (() => Promise<T>) | undefined,
): Measured<T> {
  return new Measured(nothing, maxAgeMs, ask ?? (() => Promise.resolve(nothing)))
}

/** As the registry has its samples: `sharedLabels` are written once for all lines of a histogram. */
interface Line {
  readonly metricName?: string
  readonly labels: Labels
  readonly sharedLabels: Labels
  readonly value: number
}

/** The registry asks a metric for its lines and for nothing else, whatever class its type names. */
function asRegistered(metric: Metric, moments: Moments): RegisteredMetric {
  const { name, help, type } = metric
  const get = (): Promise<object> => {
    const { now } = moments
    const pipeline = now.pipeline.name
    const values = [...metric.read(now)].flatMap((sample) => linesOf(name, pipeline, sample))
    return Promise.resolve({ name, help, type, values })
  }
  return { name, help, type, get } as unknown as RegisteredMetric
}

function linesOf(name: string, pipeline: string, { labels, value }: Sample): Line[] {
  const sharedLabels = { pipeline, ...labels }
  if (typeof value === 'number') return [{ labels: {}, sharedLabels, value }]
  return histogramLines(name, sharedLabels, value)
}

function histogramLines(name: string, sharedLabels: Labels, distribution: Distribution): Line[] {
  const { bounds, counts, sum } = distribution
  const metricName = `${name}_bucket`
  let total = 0
  const lines: Line[] = Array.from(counts, (count, i) => {
    total += count
    return { metricName, labels: { le: bounds[i] ?? '+Inf' }, sharedLabels, value: total }
  })
  lines.push({ metricName: `${name}_sum`, labels: {}, sharedLabels, value: sum })
  lines.push({ metricName: `${name}_count`, labels: {}, sharedLabels, value: total })
  return lines
}
