/** Metrics of the log and of its time: position, lag, watermark, what became of the records. */
import { VERDICT_NAMES } from '../core/judge.ts'
import { titleOf } from '../core/view-title.ts'
import type { PartitionProgress } from '../engine/parts.ts'
import {
  countOf,
  endOfDay,
  ofPartition,
  ofPartitionBy,
  ofRun,
  ofRunBy,
  oneOf,
  secondsOf,
  secondsSince,
} from './metric.ts'
import type { Metric } from './metric.ts'

const PHASES: readonly PartitionProgress['phase'][] = [
  'starting',
  'catching up',
  'live',
  'draining',
  'stopped',
]

const IDLE_REASONS: readonly PartitionProgress['idle'][] = [
  'ticking',
  'records come',
  'behind',
  'historical',
  'held',
  'no event yet',
]

/** Judged by the partition; the views' own are counted per view. */
const PARTITION_REASONS = ['undecodable', 'bad_timestamp', 'future', 'too_late'] as const
const VIEW_REASONS = ['missing_key', 'bad_field'] as const
/** Records that are no error and not the view's either. */
const VIEW_OUTCOMES = [...VIEW_REASONS, 'not_entity', 'filtered'] as const

export const READING_METRICS: readonly Metric[] = [
  ofRun({
    name: 'tidemark_source_reachable',
    type: 'gauge',
    unit: '0 or 1',
    help: '0 while the brokers do not answer: then the end of the log, and with it the lag, is as of before.',
    of: ({ sourceReachable }) => Number(sourceReachable),
  }),
  ofPartition({
    name: 'tidemark_lag_offsets',
    type: 'gauge',
    unit: 'offsets',
    help: 'How far the position is behind the end of the log, in the unit of its offsets: records of a topic, bytes of files.',
    of: ({ nextOffset, endOffset }) => endOffset - nextOffset,
  }),
  ofPartition({
    name: 'tidemark_next_offset',
    type: 'gauge',
    unit: 'offset',
    help: 'Offset of the next record to be folded.',
    of: ({ nextOffset }) => nextOffset,
  }),
  ofPartition({
    name: 'tidemark_take_over_offsets',
    type: 'gauge',
    unit: 'offsets',
    help: 'How far the position is behind where a hand-over found the partition; the sinks keep what they have until it is 0.',
    of: ({ toFormerPosition }) => toFormerPosition,
  }),
  ofPartition({
    name: 'tidemark_end_offset',
    type: 'gauge',
    unit: 'offset',
    help: 'Last known end of the log: the offset that the next record will have.',
    of: ({ endOffset }) => endOffset,
  }),
  ofPartition({
    name: 'tidemark_records_read_total',
    type: 'counter',
    unit: 'records',
    help: 'Records read since this process took the partition.',
    of: ({ records }) => records,
  }),
  ofPartitionBy('phase', {
    name: 'tidemark_partition_phase',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 for the phase in which the partition is: starting, catching up, live, draining, stopped.',
    of: ({ phase }) => oneOf(PHASES, phase),
  }),
  ofPartition({
    name: 'tidemark_fold_held',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 while a sink holds the reading back: an online store that is gone with a full backlog, or closed days that wait for the table.',
    of: ({ held }) => Number(held),
  }),
  ofPartition({
    name: 'tidemark_loop_turn_age_seconds',
    type: 'gauge',
    unit: 's',
    help: 'Time since the loop of the partition last went round; /healthz fails above 30 s.',
    of: ({ turnedMs }, { monotonicMs }) => secondsSince(turnedMs, monotonicMs),
  }),
  ofPartition({
    name: 'tidemark_advance_age_seconds',
    type: 'gauge',
    unit: 's',
    help: 'Time since the position last moved or there was nothing to read; /healthz fails above 60 s with lag and nothing that holds it.',
    of: ({ advancedMs }, { monotonicMs }) => secondsSince(advancedMs, monotonicMs),
  }),
]

export const TIME_METRICS: readonly Metric[] = [
  ofPartition({
    name: 'tidemark_watermark_timestamp_seconds',
    type: 'gauge',
    unit: 'Unix time, s',
    help: 'The watermark: largest event time accepted - outOfOrderness. Absent before the first event.',
    of: ({ watermark }) => secondsOf(watermark),
  }),
  ofPartition({
    name: 'tidemark_newest_event_timestamp_seconds',
    type: 'gauge',
    unit: 'Unix time, s',
    help: 'Largest event time accepted. Its record holds the watermark.',
    of: ({ newest }) => secondsOf(newest?.eventTime),
  }),
  ofPartition({
    name: 'tidemark_newest_event_offset',
    type: 'gauge',
    unit: 'offset',
    help: 'Offset of the record that holds the watermark; `tidemark explain watermark` shows it.',
    of: ({ newest }) => newest?.offset,
  }),
  ofPartition({
    name: 'tidemark_closed_day_end_timestamp_seconds',
    type: 'gauge',
    unit: 'Unix time, s',
    help: 'End of the last day that log or clock have closed.',
    of: ({ closedDay }, moment) => endOfDay(closedDay, moment),
  }),
  ofPartitionBy('reason', {
    name: 'tidemark_idle',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 for what holds: ticking (the clock closes days, since the log is quiet) or why it does not: records come, behind, historical, held, no event yet.',
    of: ({ idle }) => oneOf(IDLE_REASONS, idle),
  }),
  ofPartition({
    name: 'tidemark_disorder_seconds',
    type: 'histogram',
    unit: 's',
    help: 'How far accepted events are behind the newest one before them: the bound below which 99.9 % lie is a good time.outOfOrderness.',
    of: ({ meters }) => meters.disorder,
  }),
]

export const RECORD_METRICS: readonly Metric[] = [
  ofPartitionBy('outcome', {
    name: 'tidemark_records_total',
    type: 'counter',
    unit: 'records',
    help: 'Records judged since this process took the partition, by outcome.',
    *of(partition) {
      for (const outcome of VERDICT_NAMES) yield [outcome, countOf(partition, outcome)]
    },
  }),
  ofPartition({
    name: 'tidemark_late_records_total',
    type: 'counter',
    unit: 'records',
    help: 'Accepted records whose day the log had closed: they correct rows.',
    of: (partition) => countOf(partition, 'late'),
  }),
  ofPartitionBy('reason', {
    name: 'tidemark_rejects_total',
    type: 'counter',
    unit: 'records',
    help: 'Records that could not be used, by reason; missing_key and bad_field once per view. All of them are in the dead letters.',
    *of(partition, { pipeline: { views } }) {
      for (const reason of PARTITION_REASONS) yield [reason, countOf(partition, reason)]
      for (const reason of VIEW_REASONS) {
        const counts = views.map((view) => countOf(partition, `${titleOf(view)} ${reason}`))
        yield [reason, counts.reduce((sum, count) => sum + count, 0)]
      }
    },
  }),
  ofPartition({
    name: 'tidemark_reject_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of recent records that are rejected, as rejects.limit sees it: the run stops where it is above tidemark_reject_limit_ratio.',
    of: ({ rejectShare }) => rejectShare,
  }),
  ofRunBy(['partition', 'view', 'outcome'], {
    name: 'tidemark_view_unused_records_total',
    type: 'counter',
    unit: 'records',
    help: 'Accepted records that a view did not take, by outcome: missing_key and bad_field are rejects; not_entity (a field of its entity is absent) and filtered are not.',
    *of({ progress, pipeline }) {
      for (const partition of progress?.partitions ?? []) {
        for (const view of pipeline.views.map(titleOf)) {
          for (const outcome of VIEW_OUTCOMES) {
            const labels = { partition: partition.partition, view, outcome }
            yield { labels, value: countOf(partition, `${view} ${outcome}`) }
          }
        }
      }
    },
  }),
]
