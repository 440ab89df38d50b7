/**
 * What a metric of Tidemark is: a name, a help text, labels, and how it is read from where the run stands. The registry and
 * `docs/metrics.md` are both made from a table of these.
 *
 * Nothing is counted here. The engine counts for itself; a metric reads when it is asked, so that a run that nobody scrapes
 * pays nothing. Labels are bounded: partitions, views, and words from fixed lists; never an entity.
 */
import type { Calendar, DayIndex } from '../core/day.ts'
import type { Pipeline, ViewDefinition } from '../core/definition.ts'
import { titleOf } from '../core/view-title.ts'
import type { Distribution } from '../engine/meters.ts'
import type { PartitionProgress, RunProgress } from '../engine/parts.ts'

/** What a scrape reads; one for all metrics, so that they agree with each other. */
export interface Moment {
  readonly pipeline: Pipeline
  readonly topic: string
  readonly version: string
  readonly calendar: Calendar
  /** Undefined before the run has told where it stands for the first time. */
  readonly progress: RunProgress | undefined
  readonly sourceReachable: boolean
  readonly wallMs: number
  readonly monotonicMs: number
  readonly sizes: MeasuredSizes
  readonly gates: readonly JudgedGate[]
  /** Undefined: not known, or another process's to tell. */
  readonly publications: OpenPublications | undefined
}

/** A limit that a view sets for its days (`validate`), held against the newest day that is complete. */
export interface JudgedGate {
  /** Title. */
  readonly view: string
  readonly gate: string
  /** Undefined: a limit of rows. */
  readonly column?: string
  readonly passed: boolean
}

/** Publishes and rollbacks that have not come to their end, and days of tables that one has left as they were. */
export interface OpenPublications {
  readonly unfinished: readonly {
    readonly did: 'publish' | 'rollback'
    /** Undefined where that is not known. */
    readonly sinceMs: number | undefined
  }[]
  readonly left: readonly {
    readonly table: string
    readonly first: DayIndex
    readonly last: DayIndex
  }[]
}

/** What takes a look outside: measured now and then, beside the scrapes. */
export interface MeasuredSizes {
  /** By partition. */
  readonly stateBytes: ReadonlyMap<number, number>
  /** By table. */
  readonly tableBytes: ReadonlyMap<string, number>
  readonly evictedKeys: number | undefined
}

export type SampleValue = number | Distribution
export type Labels = Readonly<Record<string, string | number>>

export interface Sample {
  readonly labels: Labels
  readonly value: SampleValue
}

export interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  /** One sentence; what it means that it is high, where that is not plain. */
  readonly help: string
  /** Of the value, as people name it. */
  readonly unit: string
  readonly labels: readonly string[]
  read(moment: Moment): Iterable<Sample>
}

export type About = Omit<Metric, 'labels' | 'read'>
type Value = SampleValue | undefined

/** One value for the process. */
export function ofRun(about: About & { readonly of: (moment: Moment) => Value }): Metric {
  const { of, ...rest } = about
  return {
    ...rest,
    labels: [],
    *read(moment) {
      const value = of(moment)
      if (value !== undefined) yield { labels: {}, value }
    },
  }
}

/** Samples of the process with labels of their own. */
export function ofRunBy(
  labels: readonly string[],
  about: About & { readonly of: (moment: Moment) => Iterable<Sample> },
): Metric {
  const { of, ...rest } = about
  return { ...rest, labels, read: of }
}

/** One value per partition that is open here; undefined: it has none. */
export function ofPartition(
  about: About & { readonly of: (partition: PartitionProgress, moment: Moment) => Value },
): Metric {
  const { of, ...rest } = about
  return {
    ...rest,
    labels: ['partition'],
    *read(moment) {
      for (const each of moment.progress?.partitions ?? []) {
        const value = of(each, moment)
        if (value !== undefined) yield { labels: { partition: each.partition }, value }
      }
    },
  }
}

/** Several values per partition, told apart by one more label. */
export function ofPartitionBy(
  label: string,
  about: About & {
    readonly of: (
      partition: PartitionProgress,
      moment: Moment,
    ) => Iterable<readonly [labelValue: string, value: SampleValue]>
  },
): Metric {
  const { of, ...rest } = about
  return {
    ...rest,
    labels: ['partition', label],
    *read(moment) {
      for (const each of moment.progress?.partitions ?? []) {
        const { partition } = each
        for (const [labelValue, value] of of(each, moment))
          yield { labels: { partition, [label]: labelValue }, value }
      }
    },
  }
}

/** One value per partition and view. */
export function ofPartitionView(
  about: About & {
    readonly of: (
      partition: PartitionProgress,
      /** `index`: its number in lists by view. */
      view: { readonly index: number; readonly definition: ViewDefinition },
      moment: Moment,
    ) => Value
  },
): Metric {
  const { of, ...rest } = about
  return ofPartitionBy('view', {
    ...rest,
    *of(partition, moment) {
      for (const definition of moment.pipeline.views) {
        const title = titleOf(definition)
        const index = moment.progress?.views.indexOf(title) ?? -1
        const value = of(partition, { index, definition }, moment)
        if (value !== undefined) yield [title, value]
      }
    },
  })
}

/** The state set that Prometheus has no type for: 1 for the word that holds, 0 for the others. */
export function* oneOf(
  words: readonly string[],
  now: string,
): Iterable<readonly [labelValue: string, value: number]> {
  for (const word of words) yield [word, word === now ? 1 : 0]
}

/** Since this process took the partition. What was counted before it is another process's, or in the state. */
export function countOf({ counts, startCounts }: PartitionProgress, outcome: string): number {
  return (counts[outcome] ?? 0) - (startCounts[outcome] ?? 0)
}

export function secondsOf(timeMs: number | undefined): number | undefined {
  return timeMs === undefined ? undefined : timeMs / 1_000
}

/** Never negative: the two clocks are read a moment apart. */
export function secondsSince(fromMs: number, nowMs: number): number {
  return Math.max(0, nowMs - fromMs) / 1_000
}

/** A day as an instant that a dashboard can show: where it ends. Undefined before there are days. */
export function endOfDay(day: DayIndex | undefined, { calendar }: Moment): number | undefined {
  if (day === undefined || !Number.isFinite(day) || day <= 0) return undefined
  return calendar.endOf(day) / 1_000
}
