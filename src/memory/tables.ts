/** Tables in memory, for simulations and as the plain model of what the port means. `MemoryTables` is what survives. */
import type { RowBuffer } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import type { Value } from '../core/value.ts'
import type {
  FeatureTable,
  LeftSlot,
  SlotKey,
  StagedFile,
  TableCommit,
  TableSpec,
  TableStore,
  TableTransaction,
} from '../engine/ports.ts'
import { TidemarkError, invariant } from '../errors.ts'

export type MemoryRow = ReadonlyMap<string, Value | Uint8Array>

interface ActiveSlot extends SlotKey {
  readonly generation: number
  readonly position: number
  readonly rows: readonly MemoryRow[]
}

type PlacedRow = Omit<ActiveSlot, 'rows'> & { readonly row: MemoryRow }

interface TableContent {
  generation: number
  version: number
  readonly slots: Map<string, ActiveSlot>
  readonly complete: Map<number, DayIndex>
}

export class MemoryTables implements TableStore {
  /** The newest generation whose publish or rollback is in all of them: there is nobody who would be late with one. */
  swapped = Infinity
  readonly #tables = new Map<string, TableContent>()
  readonly #staged = new Map<string, readonly MemoryRow[]>()

  open(spec: TableSpec): Promise<FeatureTable> {
    const content = this.#tables.get(spec.name) ?? {
      generation: spec.generation,
      version: 0,
      slots: new Map<string, ActiveSlot>(),
      complete: new Map<number, DayIndex>(),
    }
    content.generation = Math.max(content.generation, spec.generation)
    this.#tables.set(spec.name, content)
    return Promise.resolve(
      new MemoryTable(spec, content, { staged: this.#staged, swapped: () => this.swapped }),
    )
  }

  /** As they are now; what is written later is not in it. */
  copy(): MemoryTables {
    const copy = new MemoryTables()
    for (const [name, { slots, complete, ...content }] of this.#tables)
      copy.#tables.set(name, { ...content, slots: new Map(slots), complete: new Map(complete) })
    return copy
  }

  /** As a publish does: slots that it covers say what those of other tables say. */
  swap(from: MemoryTables, generation: number, covers: (slot: SlotKey) => boolean): void {
    for (const [name, { slots }] of from.#tables) {
      const own = this.#tables.get(name)
      invariant(own, `${name} is there before it is published to`)
      own.generation = generation
      for (const [key, slot] of own.slots) if (covers(slot)) own.slots.delete(key)
      for (const [key, slot] of slots) if (covers(slot)) own.slots.set(key, slot)
    }
  }

  /** What a reader of the newest version sees, with the slot that each row is in. */
  rows(name: string): PlacedRow[] {
    const slots = this.#tables.get(name)?.slots.values() ?? []
    return [...slots].flatMap(({ rows, ...slot }) => rows.map((row) => ({ ...slot, row })))
  }
}

class MemoryTable implements FeatureTable {
  readonly spec: TableSpec
  readonly #content: TableContent
  readonly #staged: Map<string, readonly MemoryRow[]>
  readonly #swapped: () => number

  constructor(
    spec: TableSpec,
    content: TableContent,
    store: { readonly staged: Map<string, readonly MemoryRow[]>; readonly swapped: () => number },
  ) {
    this.spec = spec
    this.#content = content
    this.#staged = store.staged
    this.#swapped = store.swapped
  }

  write(slot: SlotKey, position: number, rows: RowBuffer): Promise<StagedFile | undefined> {
    if (rows.rows === 0) return Promise.resolve(undefined)
    const path = `${this.spec.name}/${slotKey(slot)}/${position}/${this.#staged.size}`
    this.#staged.set(path, copyRows(this.spec, rows))
    return Promise.resolve({ path, rows: rows.rows, bytes: 0, stats: '' })
  }

  commit(transaction: TableTransaction): Promise<TableCommit> {
    const { generation, changes, complete } = transaction
    const content = this.#content
    if (content.generation !== generation) return Promise.reject(this.#otherGeneration(generation))
    let applied = 0
    for (const change of changes) {
      const active = content.slots.get(slotKey(change))
      if (active !== undefined && isAtLeast(active, { generation, position: change.position }))
        continue
      const rows = change.file === undefined ? [] : this.#staged.get(change.file.path)
      invariant(rows, `staged file ${change.file?.path} exists`)
      const { day, partition, slot, position } = change
      content.slots.set(slotKey(change), { day, partition, slot, generation, position, rows })
      applied += 1
    }
    for (const { partition, day } of complete) {
      content.complete.set(partition, Math.max(day, content.complete.get(partition) ?? -Infinity))
    }
    content.version += 1
    return Promise.resolve({ version: content.version, applied, dropped: changes.length - applied })
  }

  complete(): Promise<ReadonlyMap<number, DayIndex>> {
    const content = this.#content
    const { generation } = this.spec
    if (content.generation > generation) return Promise.reject(this.#otherGeneration(generation))
    return Promise.resolve(new Map(content.complete))
  }

  version(): Promise<number> {
    return Promise.resolve(this.#content.version)
  }

  swapped(): Promise<number> {
    return Promise.resolve(this.#swapped())
  }

  left(partition: number, after: DayIndex): Promise<readonly LeftSlot[]> {
    const { generation } = this.spec
    const slots = [...this.#content.slots.values()].filter(
      (each) =>
        each.partition === partition &&
        each.day > after &&
        each.generation < generation &&
        each.rows.length > 0,
    )
    return Promise.resolve(slots.map(({ day, slot, position }) => ({ day, slot, position })))
  }

  #otherGeneration(ownGeneration: number): TidemarkError {
    const { generation: newestGeneration } = this.#content
    return new TidemarkError(
      'GENERATION_CHANGED',
      `${this.spec.name} is of generation ${newestGeneration}, the writer of ${ownGeneration}. Start again`,
      { details: { ownGeneration, newestGeneration } },
    )
  }
}

function isAtLeast(
  active: ActiveSlot,
  change: { readonly generation: number; readonly position: number },
): boolean {
  if (active.generation !== change.generation) return active.generation > change.generation
  return active.position >= change.position
}

function slotKey({ day, partition, slot }: SlotKey): string {
  return `${day}/${partition}/${slot}`
}

function copyRows(spec: TableSpec, buffer: RowBuffer): MemoryRow[] {
  return Array.from({ length: buffer.rows }, (_, row) => {
    return new Map(
      spec.columns.map(({ name }, column) => [name, buffer.columns[column]?.at(row) ?? null]),
    )
  })
}
