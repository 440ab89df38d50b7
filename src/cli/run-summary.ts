/** What a run did, added up over its partitions, for the line at its end and for machines. */
import type { PartitionProgress, RunProgress, RunSummary } from '../engine/parts.ts'
import { position } from '../core/event.ts'
import { reasonOf } from './status.ts'
import { countWords, durationWords, plural } from './words.ts'

export type Counts = Readonly<Record<string, number>>

export interface RunTotals {
  readonly reason: RunSummary['reason']
  readonly records: number
  readonly accepted: number
  /** Of the accepted: those that corrected a closed day. */
  readonly late: number
  readonly duplicates: number
  readonly tombstones: number
  readonly rejects: Counts
  /** Written by this run. */
  readonly rows: number
  readonly values: number
  readonly seconds: number
  readonly eventsPerSecond: number
  /** Where the next start goes on. */
  readonly positions: readonly string[]
}

/** Partitions that were given to other members meanwhile are counted too. */
export function totalsOf(summary: RunSummary, topic: string): RunTotals {
  const { partitions, released, seconds, reason } = summary
  const all = [...partitions, ...released]
  const sum = (of: (partition: PartitionProgress) => number): number =>
    all.reduce((total, partition) => total + of(partition), 0)
  const counts = addCounts(all.map((each) => subtract(each.counts, each.startCounts)))
  const records = sum((partition) => partition.records)
  return {
    reason,
    records,
    accepted: counts['accepted'] ?? 0,
    late: counts['late'] ?? 0,
    duplicates: counts['duplicate'] ?? 0,
    tombstones: counts['tombstone'] ?? 0,
    rejects: Object.fromEntries(
      Object.entries(counts).filter(([name, count]) => count > 0 && reasonOf(name) !== undefined),
    ),
    rows: sum((partition) => partition.rowsWritten),
    values: sum((partition) => partition.valuesWritten),
    seconds: Number(seconds.toFixed(3)),
    eventsPerSecond: seconds > 0 ? Math.round(records / seconds) : 0,
    positions: partitions.map(({ partition, nextOffset }) =>
      position(topic, partition, nextOffset),
    ),
  }
}

export function addCounts(all: readonly Counts[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
  }
  return sum
}

function subtract(counts: Counts, before: Counts): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  )
}

export function summaryLine(totals: RunTotals): string {
  const rejects = Object.entries(totals.rejects)
  const parts = [
    plural(totals.records, 'record'),
    `${countWords(totals.accepted)} accepted`,
    `${countWords(totals.late)} of them late`,
    ...(totals.duplicates > 0 ? [plural(totals.duplicates, 'duplicate')] : []),
    rejects.length === 0
      ? 'none rejected'
      : `rejected: ${rejects.map(([name, count]) => `${name} ${countWords(count)}`).join(', ')}`,
    `${plural(totals.rows, 'row')} and ${plural(totals.values, 'value')} written`,
    `${durationWords(totals.seconds * 1000)} (${countWords(totals.eventsPerSecond)} events/s)`,
  ]
  return parts.join('; ')
}

export interface ProgressSums {
  readonly done: number
  readonly total: number
  readonly records: number
  /** Undefined before the first event of some partition. */
  readonly watermark: number | undefined
  readonly phases: ReadonlySet<PartitionProgress['phase']>
  /** Slots that the tables still lack. */
  readonly dirtySlots: number
}

export function sumProgress({ partitions }: RunProgress): ProgressSums {
  const known = partitions.flatMap(({ watermark }) => watermark ?? [])
  return {
    done: partitions.reduce((sum, each) => sum + each.nextOffset - each.startOffset, 0),
    total: partitions.reduce((sum, each) => sum + each.endOffset - each.startOffset, 0),
    records: partitions.reduce((sum, each) => sum + each.records, 0),
    watermark: known.length === 0 ? undefined : Math.min(...known),
    dirtySlots: partitions.reduce((sum, each) => sum + (each.table?.dirtySlots ?? 0), 0),
    phases: new Set(partitions.map(({ phase }) => phase)),
  }
}
