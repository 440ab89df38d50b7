/**
 * Tables as readers see them, now and again: their rows for the comparison with the oracle, whether their whole history is
 * well-formed, and whether two successive looks agree (nothing that was there is gone or older).
 */
import type { ViewDefinition } from '../src/core/definition.ts'
import type { Value } from '../src/core/value.ts'
import type { ActualRow, ActualTile } from '../test/support/compare-sinks.ts'
import type { FileReader } from './bucket-reader.ts'
import {
  checkCheckpoint,
  checkpointVersions,
  expectedOf,
  pointerProblems,
  readCheckpoint,
  type Expected,
} from './table-checkpoint.ts'
import { compareVersions, versionText, type TableRow, type Version } from './table-file.ts'
import { TableReplay, type TableReplayOptions } from './table-replay.ts'

const DAY_MS = 86_400_000

/** What one look at a table saw. */
export interface TableLook {
  readonly table: string
  readonly version: number
  readonly generation: number
  /** That of the last publish or rollback which the table has; 0: none. */
  readonly swapped: number
  /** Partition -> last complete day. */
  readonly complete: ReadonlyMap<number, number>
  /** `<day> <partition> <slot>` -> version. */
  readonly slots: ReadonlyMap<string, Version>
  /** Day and entity -> newest event in the row; null in an all-empty one. Of rows that mean what the table's generation means. */
  readonly rows: ReadonlyMap<string, number | null>
  /** What was wrong with it, or on the way to it. */
  readonly problems: readonly string[]
}

export interface TableReaderOptions extends Pick<TableReplayOptions, 'leaves'> {
  readonly mayHaveCheckpoint?: (version: number) => boolean
  /** Whether two generations judge the log alike. */
  readonly meansTheSame?: (a: number, b: number) => boolean
}

/** A reader of one table that looks now and then. Reads each version and each file once. */
export class TableReader {
  readonly #storage: FileReader
  readonly #replay: TableReplay
  readonly #meansTheSame: (a: number, b: number) => boolean
  /** What a checkpoint of the log's version would have to hold. */
  readonly #expected = new Map<number, Expected>()

  /**
   * @param table its folder: `user_activity_v1`, `user_activity_v1__tiles`
   * @param options `mayHaveCheckpoint`: versions of whose table `history` is to know what it was
   */
  constructor(
    storage: FileReader,
    table: string,
    {
      mayHaveCheckpoint = () => false,
      meansTheSame = () => true,
      ...options
    }: TableReaderOptions = {},
  ) {
    this.#storage = storage
    this.#meansTheSame = meansTheSame
    const each = (replay: TableReplay): void => {
      if (mayHaveCheckpoint(replay.version)) this.#expected.set(replay.version, expectedOf(replay))
    }
    this.#replay = new TableReplay(storage, table, { ...options, each })
  }

  /** Undefined while there is no table. */
  async look(): Promise<TableLook | undefined> {
    const replay = this.#replay
    const told = replay.problems.length
    await replay.advance()
    if (replay.version < 0) return undefined
    const rows = new Map<string, number | null>()
    for (const { name, rows: ofFile = [] } of replay.files.values())
      if (this.#meansTheSame(name.generation, replay.generation))
        for (const { key, cells } of ofFile)
          rows.set(key, cells.get('_max_event_time') as number | null)
    return {
      table: replay.table,
      version: replay.version,
      generation: replay.generation,
      swapped: replay.swapped,
      complete: new Map(replay.complete),
      slots: new Map(replay.seen),
      rows,
      problems: [
        ...replay.problems.slice(told),
        ...(await replay.changes()),
        ...(await pointerProblems(this.#storage, replay.table)),
      ],
    }
  }

  /** Everything that is wrong with the history of the table and that no look has told yet, a line each. */
  async history(): Promise<string[]> {
    const { table } = this.#replay
    const look = await this.look()
    if (look === undefined) return [`${table}: there is no such table`]
    const problems = [...look.problems]
    const versions = await checkpointVersions(this.#storage, table)
    for (const version of versions) {
      const wanted = this.#expected.get(version)
      // Older than what is left of the log, or the one that it now begins with.
      if (wanted === undefined && version <= this.#replay.begun) continue
      const at = `${table}: the checkpoint of version ${version}`
      const wrong =
        wanted === undefined
          ? ['should not be there']
          : checkCheckpoint(wanted, await readCheckpoint(this.#storage, table, version))
      problems.push(...wrong.map((one) => `${at} ${one}`))
    }
    return problems
  }

  /** All rows of the newest version, with the columns of the table. */
  async rows(): Promise<TableRow[]> {
    await this.#replay.advance()
    const { fields = [] } = JSON.parse(this.#replay.metaData?.schemaString ?? '{}') as {
      readonly fields?: readonly { readonly name: string }[]
    }
    const names = fields.map(({ name }) => name).filter((name) => name !== 'ds')
    return this.#rows().map((row) => {
      return { ...row, cells: new Map(names.map((name) => [name, row.cells.get(name) ?? null])) }
    })
  }

  /** Of a partition, in the newest version; -Infinity without rows. */
  async lastDay(partition: number): Promise<number> {
    await this.#replay.advance()
    let last = -Infinity
    for (const { name, rows = [] } of this.#replay.files.values())
      if (name.partition === partition && rows.length > 0)
        last = Math.max(last, Date.parse(name.ds) / DAY_MS)
    return last
  }

  #rows(): TableRow[] {
    return [...this.#replay.files.values()].flatMap(({ rows = [] }) => rows)
  }
}

/** What the second look must not have lost of the first. Both of one table, in the order in which they were done. */
export function compareLooks(before: TableLook, after: TableLook): string[] {
  const at = `${after.table} version ${after.version}, looked at before in version ${before.version}`
  const problems = [...after.problems]
  // Another generation may mean something else by a row. Its owners may come before its swap.
  const meansSame = after.generation === before.generation && after.swapped === before.swapped
  if (after.version < before.version) problems.push('the version went back')
  if (after.generation < before.generation) problems.push('the generation went back')
  for (const [partition, day] of before.complete) {
    const now = after.complete.get(partition)
    // A publish may take a day back that a record had closed that is dropped now.
    if (now === undefined || (now < day && meansSame))
      problems.push(`partition ${partition} was complete up to day ${day}, now up to ${now}`)
  }
  for (const [slot, version] of before.slots) {
    const now = after.slots.get(slot)
    if (now === undefined || compareVersions(now, version) < 0)
      problems.push(
        `slot ${slot} was at ${versionText(version)}, now at ${now && versionText(now)}`,
      )
  }
  if (meansSame) problems.push(...lostRows(before, after))
  return problems.map((problem) =>
    problem.startsWith(after.table) ? problem : `${at}: ${problem}`,
  )
}

/** A row never goes, and what it reflects only grows. */
function lostRows(before: TableLook, after: TableLook): string[] {
  return [...before.rows].flatMap(([key, newest]) => {
    const now = after.rows.get(key)
    if (now === undefined) return [`row ${key} is gone`]
    return (now ?? -Infinity) < (newest ?? -Infinity)
      ? [`row ${key} knew an event of ${newest}, now only of ${now}`]
      : []
  })
}

/** Everything that is wrong with the history of a table, a line each. */
export async function checkTableHistory(
  storage: FileReader,
  table: string,
  options: Pick<TableReaderOptions, 'leaves'> = {},
): Promise<string[]> {
  const checkpoints = await checkpointVersions(storage, table)
  const mayHaveCheckpoint = (version: number): boolean => checkpoints.includes(version)
  return new TableReader(storage, table, { ...options, mayHaveCheckpoint }).history()
}

export async function featureRows(reader: TableReader, view: ViewDefinition): Promise<ActualRow[]> {
  return (await reader.rows()).map((row) => ({
    ...split(view, row),
    eventTimestamp: row.cells.get('event_timestamp') as number,
    maxEventTime: row.cells.get('_max_event_time') as number | null,
    completeFrom: row.cells.get('_complete_from') as number,
  }))
}

export async function tileRows(reader: TableReader, view: ViewDefinition): Promise<ActualTile[]> {
  return (await reader.rows()).map((row) => ({
    ...split(view, row),
    offset: row.cells.get('_offset') as number,
    maxEventTime: row.cells.get('_max_event_time') as number,
  }))
}

function split(
  { entity }: ViewDefinition,
  { ds, cells }: TableRow,
): { entity: Value[]; day: number; values: Map<string, Value> } {
  const features = [...cells].filter(
    ([name]) => !name.startsWith('_') && name !== 'event_timestamp' && !entity.includes(name),
  )
  return {
    entity: entity.map((name) => cells.get(name) as Value),
    day: Date.parse(ds) / DAY_MS,
    values: new Map(features as [string, Value][]),
  }
}
