/** All metrics of Tidemark, in the order and under the headings of `docs/metrics.md`. */
import { CHECKPOINT_METRICS } from './checkpoint-metrics.ts'
import { READING_METRICS, RECORD_METRICS, TIME_METRICS } from './log-metrics.ts'
import type { Metric } from './metric.ts'
import { PUBLICATION_METRICS } from './publication-metrics.ts'
import { RUN_METRICS } from './run-metrics.ts'
import { COMMIT_METRICS, DELAY_METRICS, FRESHNESS_METRICS, ONLINE_METRICS } from './sink-metrics.ts'
import { TABLE_METRICS } from './table-metrics.ts'

export interface MetricGroup {
  readonly title: string
  readonly metrics: readonly Metric[]
}

export const METRIC_GROUPS: readonly MetricGroup[] = [
  { title: 'The process', metrics: RUN_METRICS },
  { title: 'Reading the log', metrics: READING_METRICS },
  { title: 'Time', metrics: TIME_METRICS },
  { title: 'Records', metrics: RECORD_METRICS },
  { title: 'The delay at each hop', metrics: DELAY_METRICS },
  { title: 'The commit', metrics: COMMIT_METRICS },
  { title: 'The online store', metrics: ONLINE_METRICS },
  { title: 'Freshness', metrics: FRESHNESS_METRICS },
  { title: 'The tables', metrics: TABLE_METRICS },
  { title: 'Publishes and rollbacks', metrics: PUBLICATION_METRICS },
  { title: 'Checkpoints', metrics: CHECKPOINT_METRICS },
]

export const METRICS: readonly Metric[] = METRIC_GROUPS.flatMap(({ metrics }) => metrics)
