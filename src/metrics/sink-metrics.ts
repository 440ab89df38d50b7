/** Metrics of what becomes durable and readable: the commit, the online store, the delay at each hop, freshness. */
import { titleOf } from '../core/view-title.ts'
import type { Distribution } from '../engine/meters.ts'
import type { OnlineProgress, PartitionProgress } from '../engine/parts.ts'
import {
  endOfDay,
  ofPartition,
  ofPartitionBy,
  ofPartitionView,
  ofRunBy,
  secondsSince,
} from './metric.ts'
import type { About, Metric } from './metric.ts'

const SCAN_REASONS = ['sweep', 'behind', 'loss', 'generation'] as const

/** From the event to the reader, hop by hop. */
export const DELAY_METRICS: readonly Metric[] = [
  ofPartition({
    name: 'tidemark_event_delay_seconds',
    type: 'histogram',
    unit: 's',
    help: "Event to broker: the record's timestamp - the event's time, per accepted record (sampled). Empty where records carry no timestamp.",
    of: ({ meters }) => meters.eventDelay,
  }),
  ofPartition({
    name: 'tidemark_commit_delay_seconds',
    type: 'histogram',
    unit: 's',
    help: "Broker to commit: the commit - the record's timestamp, per record.",
    of: ({ meters }) => meters.commitDelay,
  }),
  ofPartition({
    name: 'tidemark_online_delay_seconds',
    type: 'histogram',
    unit: 's',
    help: "Commit to online: the store's acknowledgement - the commit, per round of telling.",
    of: ({ online, meters }) => online && meters.onlineDelay,
  }),
  ofPartition({
    name: 'tidemark_table_delay_seconds',
    type: 'histogram',
    unit: 's',
    help: "Close to table: the table's transaction - the close of the day, per closed day of a view.",
    of: ({ table, meters }) => table && meters.tableDelay,
  }),
]

export const COMMIT_METRICS: readonly Metric[] = [
  ofPartition({
    name: 'tidemark_commit_duration_seconds',
    type: 'histogram',
    unit: 's',
    help: 'How long a commit took: rejects, then one synced batch of the state.',
    of: ({ meters }) => meters.commitSeconds,
  }),
  ofPartition({
    name: 'tidemark_committed_bytes_total',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of records that commits have made durable.',
    of: ({ meters }) => meters.committedBytes,
  }),
  ofPartition({
    name: 'tidemark_retries_total',
    type: 'counter',
    unit: 'attempts',
    help: 'Effects on sinks, and look-ups of schemas, that failed and were tried again.',
    of: ({ meters }) => meters.retries,
  }),
  ofRunBy(['partition'], {
    name: 'tidemark_state_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the local state on disk; measured once a minute.',
    *of({ sizes }) {
      for (const [partition, value] of sizes.stateBytes) yield { labels: { partition }, value }
    },
  }),
]

export const ONLINE_METRICS: readonly Metric[] = [
  ofOnline({
    name: 'tidemark_online_failing',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 while the online store cannot be reached or has not been compared with the state yet.',
    of: ({ failing }) => Number(failing),
  }),
  ofOnline({
    name: 'tidemark_online_backlog_values',
    type: 'gauge',
    unit: 'values',
    help: 'Changed values that are committed and not told.',
    of: ({ backlog }) => backlog,
  }),
  ofRunBy([], {
    name: 'tidemark_online_backlog_limit_values',
    type: 'gauge',
    unit: 'values',
    help: 'Backlog of a partition (memory.pendingEntities) at which the reading waits for a store that is gone.',
    *of({ pipeline: { sinks, memory } }) {
      if (sinks.online !== undefined) yield { labels: {}, value: memory.pendingEntitiesMax }
    },
  }),
  ofPartitionView({
    name: 'tidemark_untold_age_seconds',
    type: 'gauge',
    unit: 's',
    help: 'Age of the oldest record whose change is not readable online; 0 when all are.',
    of: ({ online }, { index }, { wallMs }) => {
      if (online === undefined) return undefined
      const since = online.untoldSince[index]
      return since === undefined ? 0 : secondsSince(since, wallMs)
    },
  }),
  ofPartition({
    name: 'tidemark_values_written_total',
    type: 'counter',
    unit: 'values',
    help: 'Values written to the online store.',
    of: ({ online, valuesWritten }) => online && valuesWritten,
  }),
  ofOnline({
    name: 'tidemark_refused_versions_total',
    type: 'counter',
    unit: 'values',
    help: 'Values that the store refused because it holds the same version or a higher one: repeats after a restart, or a former owner that still writes.',
    of: ({ refused }) => refused,
  }),
  ofOnline({
    name: 'tidemark_foreign_values_total',
    type: 'counter',
    unit: 'values',
    help: 'Values that another partition holds: a key is routed to two partitions.',
    of: ({ foreign }) => foreign,
  }),
  ofOnline({
    name: 'tidemark_online_position_offset',
    type: 'gauge',
    unit: 'offset',
    help: 'Offset up to which every change is told.',
    of: ({ position }) => position,
  }),
  ofPartition({
    name: 'tidemark_online_as_of_day_end_timestamp_seconds',
    type: 'gauge',
    unit: 'Unix time, s',
    help: 'End of the as-of day of the values that are served.',
    of: ({ online }, moment) => endOfDay(online?.asOf, moment),
  }),
  ofPartitionBy('reason', {
    name: 'tidemark_online_scans_total',
    type: 'counter',
    unit: 'scans',
    help: 'Scans that were begun: sweep (a day closed), behind (after a crash or an overflow), loss (the store lost data), generation.',
    *of({ online }) {
      if (online === undefined) return
      for (const reason of SCAN_REASONS) yield [reason, online.scansByReason[reason] ?? 0]
    },
  }),
  ofOnline({
    name: 'tidemark_online_scan_remaining_slots',
    type: 'gauge',
    unit: 'slots',
    help: 'Hash slots that the scan under way has still to tell: the sweep backlog. 0 without a scan.',
    of: ({ scan }) => (scan === undefined ? 0 : scan.slots - scan.slotsDone),
  }),
  ofPartition({
    name: 'tidemark_online_write_duration_seconds',
    type: 'histogram',
    unit: 's',
    help: 'How long a write of values took, retries included.',
    of: ({ online, meters }) => online && meters.onlineSeconds,
  }),
  ofRunBy([], {
    name: 'tidemark_online_evicted_keys_total',
    type: 'counter',
    unit: 'keys',
    help: 'Keys that Redis evicted for want of memory: values are missing. Anything above 0 is a wrong maxmemory-policy.',
    *of({ sizes: { evictedKeys } }) {
      if (evictedKeys !== undefined) yield { labels: {}, value: evictedKeys }
    },
  }),
]

export const FRESHNESS_METRICS: readonly Metric[] = [
  ofPartitionView({
    name: 'tidemark_freshness_seconds',
    type: 'histogram',
    unit: 's',
    help: 'A value is readable - the timestamp of the oldest record that it waited for, per value.',
    of: ({ online, meters }, { index }) => online && meters.freshness[index],
  }),
  ofPartitionView({
    name: 'tidemark_fresh_values_total',
    type: 'counter',
    unit: 'values',
    help: "Values that were readable within the view's objective. An objective between two bounds of the histogram is judged by the lower one.",
    of: ({ online, meters }, { index, definition }) => {
      const freshness = meters.freshness[index]
      return online && freshness && countWithin(freshness, definition.freshnessMs / 1_000)
    },
  }),
  ofRunBy(['view'], {
    name: 'tidemark_freshness_objective_seconds',
    type: 'gauge',
    unit: 's',
    help: 'The objective: `freshness` of the view.',
    *of({ pipeline: { views } }) {
      for (const view of views)
        yield { labels: { view: titleOf(view) }, value: view.freshnessMs / 1_000 }
    },
  }),
]

function ofOnline(about: About & { readonly of: (online: OnlineProgress) => number }): Metric {
  return ofPartition({
    ...about,
    of: ({ online }: PartitionProgress) => online && about.of(online),
  })
}

/** Observations in the buckets that lie within the limit whole. */
export function countWithin({ bounds, counts }: Distribution, limit: number): number {
  return bounds.reduce((sum, bound, i) => (bound <= limit ? sum + (counts[i] ?? 0) : sum), 0)
}
