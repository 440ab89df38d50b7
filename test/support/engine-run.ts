/** Runs a scenario through the shipping engine on adapters in memory, and reads every sink back. */
import type { Pipeline, ViewDefinition } from '../../src/core/definition.ts'
import type { Clock, Decoder, RecordSource } from '../../src/engine/ports.ts'
import type { Reject, RejectSink } from '../../src/engine/reject-port.ts'
import { runPipeline } from '../../src/engine/run-pipeline.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import { MemoryAmended } from '../../src/memory/amended.ts'
import { MemoryGenerations } from '../../src/memory/generations.ts'
import { MemoryLog, type MemoryRecord } from '../../src/memory/log.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { MemoryTables, type MemoryRow } from '../../src/memory/tables.ts'
import type { Value } from '../../src/core/value.ts'
import type {
  ActualOnline,
  ActualReject,
  ActualRow,
  ActualSinks,
  ActualTile,
} from './compare-sinks.ts'
import {
  CrashPoint,
  Crashed,
  crashingOnline,
  crashingRejects,
  crashingState,
  crashingTables,
} from './crash.ts'
import { valueBytes, type RawPartition } from './raw-record.ts'
import { SILENT } from './silent-log.ts'

/** Time passes as fast as it is waited for. */
export class FastClock implements Clock {
  now = Date.UTC(2024, 0, 1)
  wallMs(): number {
    return this.now
  }
  monotonicMs(): number {
    return this.now
  }
  async sleep(ms: number): Promise<void> {
    this.now += ms
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export class MemoryRejects implements RejectSink {
  readonly kept = new Map<string, Reject>()
  write(rejects: readonly Reject[]): Promise<void> {
    for (const reject of rejects) this.kept.set(`${reject.partition}@${reject.offset}`, reject)
    return Promise.resolve()
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

/** What survives a crash. */
export class World {
  pipeline: Pipeline
  readonly clock = new FastClock()
  readonly disks: MemoryDisk[]
  online = new MemoryOnlineStore(() => this.clock.now)
  readonly tables: MemoryTables
  readonly rejects = new MemoryRejects()
  readonly generations: MemoryGenerations
  readonly amended = new MemoryAmended()
  #log: readonly (readonly MemoryRecord[])[]
  #runs = 0

  constructor(
    pipeline: Pipeline,
    partitions: readonly RawPartition[],
    { generations = new MemoryGenerations(), tables = new MemoryTables() } = {},
  ) {
    this.pipeline = pipeline
    this.generations = generations
    this.tables = tables
    this.#log = partitions.map(({ records }) => records.map(memoryRecord))
    this.disks = partitions.map(() => new MemoryDisk())
  }

  /** Another pipeline file, and a longer log, for the runs that follow. */
  change(pipeline: Pipeline, partitions: readonly RawPartition[]): void {
    this.pipeline = pipeline
    this.#log = partitions.map(({ records }) => records.map(memoryRecord))
  }

  /** One process: to the end of the log, or to its death. @returns whether it reached the end */
  async run({
    crash = new CrashPoint(Infinity),
    fetchRecords = () => 7,
    read = {},
  }: {
    crash?: CrashPoint
    fetchRecords?: () => number
    /** In place of the log. */
    read?: { readonly source?: RecordSource; readonly decoder?: Decoder }
  } = {}): Promise<boolean> {
    this.#runs += 1
    try {
      await runPipeline(
        {
          pipeline: this.pipeline,
          source: read.source ?? new MemoryLog('random', this.#log, { fetchRecords }),
          lease: undefined,
          decoder: read.decoder ?? createDecoder(this.pipeline),
          openState: async (partition) =>
            crashingState(await MemoryPartitionState.open(this.disks[partition]), crash),
          peekState: async (partition) =>
            (await MemoryPartitionState.open(this.disks[partition])).head,
          restoreState: () => Promise.reject(new Error('there are no checkpoints')),
          checkpoints: undefined,
          online: crashingOnline(this.online, crash),
          tables: crashingTables(this.tables, crash),
          handOvers: undefined,
          generations: this.generations,
          amended: this.amended,
          rejects: crashingRejects(this.rejects, crash),
          clock: this.clock,
          log: SILENT,
          run: `run-${this.#runs}`,
          zoneData: 'test',
        },
        { untilEnd: true, signal: new AbortController().signal },
      )
      return true
    } catch (error) {
      if (error instanceof Crashed) return false
      throw error
    }
  }

  sinks(): Promise<ActualSinks> {
    return readSinks(this)
  }
}

/** What a run left in memory. */
interface Left {
  readonly pipeline: Pipeline
  readonly disks: readonly MemoryDisk[]
  readonly online: MemoryOnlineStore
  readonly tables: MemoryTables
  readonly rejects: MemoryRejects
}

export async function readSinks(left: Left): Promise<ActualSinks> {
  const { views } = left.pipeline
  const online = new Map<string, ActualOnline[]>()
  for (const { name, version } of views) {
    online.set(name, await readOnline(left, `${name}:v${version}`))
  }
  return {
    rows: new Map(views.map((view) => [view.name, readRows(left, view)])),
    tiles: new Map(views.map((view) => [view.name, readTiles(left, view)])),
    online,
    rejects: [...left.rejects.kept.values()].map(actualReject),
  }
}

function entityOf({ entity }: ViewDefinition, row: MemoryRow): Value[] {
  return entity.map((name) => row.get(name) as Value)
}

function valuesOf({ entity }: ViewDefinition, row: MemoryRow): Map<string, Value> {
  const features = [...row].filter(
    ([name]) => !name.startsWith('_') && name !== 'event_timestamp' && !entity.includes(name),
  )
  return new Map(features as [string, Value][])
}

function readRows({ tables }: Left, view: ViewDefinition): ActualRow[] {
  return tables.rows(`${view.name}_v${view.version}`).map(({ day, row }) => ({
    entity: entityOf(view, row),
    day,
    eventTimestamp: row.get('event_timestamp') as number,
    maxEventTime: row.get('_max_event_time') as number | null,
    completeFrom: row.get('_complete_from') as number,
    values: valuesOf(view, row),
  }))
}

function readTiles({ tables }: Left, view: ViewDefinition): ActualTile[] {
  return tables.rows(`${view.name}_v${view.version}__tiles`).map(({ day, row }) => ({
    entity: entityOf(view, row),
    day,
    offset: row.get('_offset') as number,
    maxEventTime: row.get('_max_event_time') as number,
    values: valuesOf(view, row),
  }))
}

async function readOnline({ disks, online }: Left, view: string): Promise<ActualOnline[]> {
  const values: ActualOnline[] = []
  for (const partition of disks.keys()) {
    const page = await online.walk(view, partition, undefined, 1_000_000)
    for (const { entity, fields, version, eventTime, nextDay } of page.values) {
      values.push({ entity, fields: new Map(fields), offset: version.offset, eventTime, nextDay })
    }
  }
  return values
}

export function memoryRecord(record: RawPartition['records'][number]): MemoryRecord {
  const encoder = new TextEncoder()
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    key: record.key === null ? null : encoder.encode(record.key),
    value: valueBytes(record),
    headers: Object.entries(record.headers ?? {}).map(([key, value]) => ({
      key,
      value: encoder.encode(value),
    })),
  }
}

export function actualReject({ partition, offset, reason, views, late }: Reject): ActualReject {
  const withoutVersion = (title: string): string => title.replace(/@\d+$/, '')
  return {
    partition,
    offset,
    reason,
    views: views.map(withoutVersion),
    ...(late && {
      late: {
        day: late.day,
        entities: late.entities.map(({ view, entity }) => ({ view: withoutVersion(view), entity })),
      },
    }),
  }
}
