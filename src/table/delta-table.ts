/**
 * The offline sink: one Delta table per view version under a location, as the engine's `TableStore` and `FeatureTable`.
 *
 * Rows are staged first, under names that no log entry has, and become visible by one transaction that decides slot by
 * slot on the newest snapshot (`slots.ts`). Any number of processes may write one table; repeating a transaction, or
 * committing an older one, changes nothing.
 */
import { basename, join } from 'node:path'
import type { RowBuffer } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import type {
  FeatureTable,
  SlotChange,
  LeftSlot,
  SlotKey,
  StagedFile,
  TableCommit,
  TableSpec,
  TableStore,
  TableTransaction,
} from '../engine/ports.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { DeltaLog, type LogOptions, type Proposal } from './delta/log.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { guarded } from './failure.ts'
import { dataFilePath } from './file-name.ts'
import {
  checkGeneration,
  checkOwned,
  newMetaData,
  PROTOCOL,
  SETTING,
  tableGeneration,
  vacuumCutoff,
  withSetting,
} from './ownership.ts'
import { addColumns, parseSchema, schemaString } from './schema.ts'
import { completeDays, isRemembered, planTransaction, type SlotPlan } from './slots.ts'
import { slotsLeft } from './slots-left.ts'
import { isSorted, statsJson, summarizeRows } from './stats.ts'
import { newestSwap } from './swap-plan.ts'

/** A table as the maintenance commands and readers see it, without a writer's spec. */
export interface DeltaTable {
  /** Folder under the storage's location. */
  readonly name: string
  readonly log: DeltaLog
  readonly options: LogOptions
}

export class DeltaTableStore implements TableStore {
  readonly #options: LogOptions
  /** One log per table and process: its snapshot is cached, its commits take turns. */
  readonly #tables = new Map<string, DeltaTable>()

  constructor(options: LogOptions) {
    this.#options = options
  }

  async open(spec: TableSpec): Promise<FeatureTable> {
    const table = this.table(spec.name)
    await table.log.commit((snapshot) =>
      snapshot ? reopen(table, snapshot, spec) : create(table, spec),
    )
    return new DeltaFeatureTable(table, spec)
  }

  /** Whether or not it exists. */
  table(name: string): DeltaTable {
    const known = this.#tables.get(name)
    if (known) return known
    const log = new DeltaLog(`${name}/_delta_log`, this.#options, (snapshot) => ({
      removedSinceMs: vacuumCutoff(snapshot),
      keepTransaction: (txn) => isRemembered(name, snapshot, txn),
    }))
    const table = { name, log, options: this.#options }
    this.#tables.set(name, table)
    return table
  }
}

class DeltaFeatureTable implements FeatureTable {
  readonly spec: TableSpec
  readonly #table: DeltaTable

  constructor(table: DeltaTable, spec: TableSpec) {
    this.#table = table
    this.spec = spec
  }

  async write(slot: SlotKey, position: number, rows: RowBuffer): Promise<StagedFile | undefined> {
    if (rows.rows === 0) return undefined
    const { storage, parquet, clock, newId } = this.#table.options
    const { columns, metadata, sortedBy, generation } = this.spec
    const path = dataFilePath(
      {
        ...slot,
        slots: { kind: 'one', slot: slot.slot },
        generation,
        position,
        stagedMs: clock.wallMs(),
      },
      newId(),
    )
    const temporary = join(await storage.staging(), `${basename(path)}.tmp`)
    const keys = rows.columns.filter((_, i) => sortedBy.includes(columns[i]?.name ?? ''))
    return guarded(`table ${this.spec.name}: cannot write ${path}`, async () => {
      try {
        const sort = isSorted(rows, keys) ? [] : sortedBy
        await parquet.write({ path: temporary, columns, metadata }, rows, sort)
        const stored = await storage.moveIn(temporary, `${this.spec.name}/${path}`)
        const stats = statsJson(columns, summarizeRows(rows))
        return { path, rows: rows.rows, bytes: stored.bytes, stats }
      } finally {
        await storage.discard(temporary)
      }
    })
  }

  async commit(transaction: TableTransaction): Promise<TableCommit> {
    const decided: { plan?: SlotPlan } = {}
    const { version } = await this.#table.log.commit((snapshot) => {
      decided.plan = this.#plan(snapshot, transaction)
      return proposal(transaction, decided.plan)
    })
    const { plan } = decided
    invariant(plan, 'a commit was decided')
    await this.#discard(plan.dropped)
    return { version, applied: plan.applied, dropped: plan.dropped.length }
  }

  complete(): Promise<ReadonlyMap<number, DayIndex>> {
    const { name, generation } = this.spec
    return this.#table.log.latest((latest) => {
      const snapshot = existing(this.#table, latest)
      if (tableGeneration(snapshot) > generation) checkGeneration(name, snapshot, generation)
      return completeDays(name, snapshot)
    })
  }

  version(): Promise<number> {
    return this.#table.log.latest((snapshot) => existing(this.#table, snapshot).version)
  }

  swapped(): Promise<number> {
    const { name } = this.spec
    return this.#table.log.latest((snapshot) => newestSwap(name, existing(this.#table, snapshot)))
  }

  left(partition: number, after: DayIndex): Promise<readonly LeftSlot[]> {
    const { generation } = this.spec
    return this.#table.log.latest((snapshot) =>
      slotsLeft(existing(this.#table, snapshot), { generation, partition, after }),
    )
  }

  #plan(current: Snapshot | undefined, transaction: TableTransaction): SlotPlan {
    const snapshot = existing(this.#table, current)
    const table = this.spec.name
    checkOwned(table, snapshot, this.spec)
    checkGeneration(table, snapshot, transaction.generation)
    const nowMs = this.#table.options.clock.wallMs()
    return planTransaction({ table, snapshot, nowMs }, transaction)
  }

  /**
   * Deletes staged files that came too late. Not those that the log names: a repeated transaction's own files are active,
   * and a file that was replaced since belongs to older versions until vacuum.
   */
  async #discard(dropped: readonly SlotChange[]): Promise<void> {
    const paths = dropped.flatMap(({ file }) => file?.path ?? [])
    if (paths.length === 0) return
    const orphans = await this.#table.log.latest((snapshot) =>
      paths.filter((path) => !snapshot?.isActive(path) && !snapshot?.removal(path)),
    )
    const { storage, log } = this.#table.options
    for (const path of orphans) {
      try {
        await storage.delete(`${this.spec.name}/${path}`)
      } catch (error) {
        log.warn({ table: this.spec.name, path, error }, 'a dropped file stays until vacuum')
      }
    }
  }
}

/** @throws TABLE_REFUSED where there is no such table */
export function existing(table: DeltaTable, snapshot: Snapshot | undefined): Snapshot {
  if (snapshot) return snapshot
  throw new TidemarkError(
    'TABLE_REFUSED',
    `there is no table ${table.name} in ${table.options.storage.location}. Check the location (sinks.offline) and the ` +
      `view's name and version; a table is made when the pipeline first runs.`,
  )
}

async function create(table: DeltaTable, spec: TableSpec): Promise<Proposal> {
  const { storage, clock, newId } = table.options
  const leftovers = await storage.list(`${table.log.folder}/`)
  const commits = leftovers.filter(({ path }) => /\/\d{20}\.json$/.test(path))
  const hasFirst = commits.some(({ path }) => path.endsWith(`/${'0'.repeat(20)}.json`))
  // Version 0 into a log whose beginning is lost would hide what it still holds. With its first commit there it was made
  // just now by another process: the put of version 0 finds out.
  if (commits.length > 0 && !hasFirst) {
    throw new TidemarkError(
      'TABLE_REFUSED',
      `table ${table.name}: its log in ${storage.location} has commits but neither a first one nor a checkpoint. ` +
        `Restore _delta_log from a copy, or move the table away to begin a new one.`,
    )
  }
  const metaData = newMetaData(spec, newId(), clock.wallMs())
  return {
    operation: 'CREATE TABLE',
    parameters: { pipeline: spec.metadata['pipeline'] ?? 'tidemark' },
    actions: [{ protocol: PROTOCOL }, { metaData }],
  }
}

function reopen(table: DeltaTable, snapshot: Snapshot, spec: TableSpec): Proposal {
  checkOwned(table.name, snapshot, spec)
  const { metaData } = snapshot
  const columns = addColumns(
    table.name,
    parseSchema(table.name, metaData.schemaString),
    spec.columns,
  )
  const isNext = tableGeneration(snapshot) < spec.generation
  if (!columns && !isNext) return { operation: 'NONE', parameters: {}, actions: [] }
  if (!isNext) checkGeneration(table.name, snapshot, spec.generation)
  const extended = columns ? { ...metaData, schemaString: schemaString(columns) } : metaData
  return {
    operation: columns ? 'ADD COLUMNS' : 'NEXT GENERATION',
    parameters: {
      columns: (columns ?? []).map((column) => column.name).join(','),
      generation: String(spec.generation),
    },
    actions: [{ metaData: withSetting(extended, SETTING.generation, String(spec.generation)) }],
  }
}

function proposal(transaction: TableTransaction, plan: SlotPlan): Proposal {
  return {
    operation: 'WRITE',
    parameters: {
      mode: 'Overwrite',
      run: transaction.run,
      generation: String(transaction.generation),
      applied: String(plan.applied),
      dropped: String(plan.dropped.length),
    },
    actions: plan.actions,
  }
}
