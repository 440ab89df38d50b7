/**
 * The whole outside world of the engine: log, state, online store, table, rejects, clock. One page of contracts; the
 * engine knows no vendor, and every adapter of a port passes the port's conformance suite in `test/conformance`.
 */
import type { ColumnSpec, RowBuffer } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import type { EventBatch, RecordBatch, SeenId } from '../core/event.ts'
import type { TimeState } from '../core/partition-time.ts'

// --- the log -------------------------------------------------------------------------------------------------------

export interface RecordSource extends AsyncDisposable {
  /** What positions are printed with. */
  readonly topic: string
  /** @throws SOURCE_UNREADABLE */
  topology(): Promise<Topology>
  /**
   * Where a pipeline that has no generation yet begins to read, by partition (`start`, resolved now). Asked once in the life of
   * a pipeline; the record keeps the answer. 0 in a log that forgets nothing.
   */
  origins(): Promise<readonly number[]>
  /**
   * The stretch that the last `records` records of a partition lie in, or what the log still has of them. Absent where only
   * reading from the beginning can tell.
   */
  tail?(
    partition: number,
    records: number,
  ): Promise<{ readonly offset: number; readonly endOffset: number; readonly records: number }>
  /** Reads one partition from `offset` on. @throws OFFSET_GONE where the log begins later. */
  open(partition: number, offset: number): Promise<PartitionReader>
}

export interface Topology {
  readonly partitions: number
  /** Of the log as a whole (Kafka: the topic's id), which changes when it is deleted and made again; undefined: not told. */
  readonly identity?: string
}

/** Membership of the group of processes that share the partitions of a log; a run without one reads them all. */
export interface Lease extends AsyncDisposable {
  /** Joins the group; leaves it when disposed of. `member` is told to the others. */
  join(member: LeaseMember, listener: LeaseListener): Promise<void>
  /** Where a partition stands: advisory, for lag tools. Never waited for, never read back. */
  publish(partition: number, nextOffset: number): void
}

export interface LeaseMember {
  /** Identity of the place of the tables (`GenerationStore.identity`): members that write elsewhere are refused. */
  readonly place: string | undefined
  /** Partitions whose state is on this machine's disk: best assigned where they are. */
  readonly onDisk: readonly number[]
}

export interface LeaseListener {
  /**
   * The whole set that is held from now on. A partition that is in the next set too was never given up. Called in order,
   * without waiting.
   */
  assigned(partitions: ReadonlySet<number>): void
  /** Nothing is held until the next `assigned`: the session has expired, or the group cannot be reached. */
  lost(): void
  /** The lease cannot be held: no right to join, another member writes to another place, retries are over. */
  failed(error: unknown): void
}

export interface PartitionReader extends AsyncDisposable {
  /**
   * Identity of the partition's log, which changes when the log is deleted and made again; undefined while it is empty.
   */
  identity(): Promise<string | undefined>
  /** The next records, at most about `bytesMax` bytes; undefined when there are none now (ask again later). */
  read(bytesMax: number): Promise<RecordBatch | undefined>
  /** The end of the log now: the offset that the next record will have or exceed. */
  endOffset(): Promise<number>
  /** How far `offset` is behind the last known end, in the log's own unit; 0 at the end. */
  lag(offset: number): number
}

/** Bytes to events. Never throws for a bad record: what is wrong with it is its outcome, with a message. */
export interface Decoder {
  /**
   * Gets what decoding the batch needs from outside (a schema by its id); undefined when nothing is missing.
   * @throws SCHEMA_UNAVAILABLE (retry), SCHEMA_REFUSED
   */
  prepare?(batch: RecordBatch): Promise<void> | undefined
  /** May fill `batch.timestamps` where the records carry their own timestamp in the value (JSON lines). */
  decode(batch: RecordBatch): EventBatch
}

/** A schema registry. An id is never given to another schema, so what was once found holds for ever. */
export interface SchemaSource {
  /** Undefined: the registry does not know the id. @throws SCHEMA_UNAVAILABLE (retry), SCHEMA_REFUSED */
  schema(id: number): Promise<RegisteredSchema | undefined>
  /** The newest one under the subject; undefined: no such subject. @throws as above */
  latest(subject: string): Promise<RegisteredSchema | undefined>
}

export interface RegisteredSchema {
  readonly id: number
  /** `AVRO`, or of another kind. */
  readonly kind: string
  readonly text: string
  /** Texts of the schemas that it names, each after those that it names itself. */
  readonly references: readonly string[]
}

// --- the state of one partition ------------------------------------------------------------------------------------

/**
 * Everything that must survive, for one partition. Rules for the caller: one call at a time; what is read is what the
 * last commit left. A commit is atomic and durable when its promise resolves; after a failed one the store is closed
 * for good (STATE_WRITE_FAILED) and has to be opened again.
 */
export interface PartitionState extends AsyncDisposable {
  /** The head of the last commit; undefined in a new store. */
  readonly head: StateHead | undefined
  /** Stored tiles by (entity, day), in the order asked for. */
  tiles(view: number, keys: readonly TileKey[]): Promise<(Uint8Array | undefined)[]>
  /** All tiles of each entity, in the order asked for. */
  entities(view: number, keys: readonly SlotEntity[]): Promise<(EntityTiles | undefined)[]>
  /** Entities of a hash slot in ascending order of UTF-8 bytes, after `after`; fewer than `limit` means the end. */
  scan(view: number, slot: number, after: string | undefined, limit: number): Promise<EntityTiles[]>
  /** The latest bucket under which each id was accepted, or was itself a duplicate; undefined if unknown. */
  ids(ids: readonly string[]): Promise<(DayIndex | undefined)[]>
  /** All of them with all their buckets, ascending by bucket and the id's UTF-8 bytes, after `after`; fewer than `limit`: the end. */
  scanIds(after: SeenId | undefined, limit: number): Promise<SeenId[]>
  /** Milestones, ascending by day; kept for ever. */
  milestones(from?: DayIndex): Promise<Milestone[]>
  /** Dirty slots with the offset that dirtied them last. */
  dirtySlots(): Promise<Map<string, number>>
  /** @throws STATE_WRITE_FAILED; nothing may be published after it. */
  commit(commit: StateCommit): Promise<void>
  /** A bounded piece of house-keeping (settling, eviction); true while there is more to do. */
  maintain(bounds: MaintenanceBounds): Promise<boolean>
  /**
   * What the last commit left, held while commits go on. Taken in a moment: files are linked, not copied.
   * @throws STATE_DAMAGED, STATE_WRITE_FAILED
   */
  snapshot(): Promise<StateSnapshot>
  /** Bytes on disk. */
  size(): Promise<number>
}

/** A state as files, self-contained: put back under their names they are the state again. */
export interface StateSnapshot extends AsyncDisposable {
  readonly head: StateHead
  /** Within one, a fixed file's name stands for its bytes. Another one begins with each opening of a store on disk. */
  readonly lineage: string
  readonly files: readonly StateFile[]
}

export interface StateFile {
  readonly name: string
  readonly bytes: number
  /** Never has other bytes under this name in its lineage: what was stored of it once need not be read again. */
  readonly isFixed: boolean
  read(): Promise<Uint8Array>
}

export interface TileKey extends SlotEntity {
  readonly day: DayIndex
}

export interface SlotEntity {
  readonly slot: number
  readonly entity: string
}

export interface EntityTiles {
  readonly entity: string
  /** Of the last record folded into any tile of this entity and view, evicted ones included. */
  readonly offset: number
  /** Ascending by day. The bytes are valid until the next call. */
  readonly tiles: readonly { readonly day: DayIndex; readonly bytes: Uint8Array }[]
}

export interface StateCommit {
  readonly head: StateHead
  readonly tiles: readonly TileWrite[]
  readonly ids: readonly SeenId[]
  readonly milestones: readonly Milestone[]
  /** Slots to mark, with the offset of the record that dirtied them last. */
  readonly dirty: ReadonlyMap<string, number>
  readonly cleared: readonly string[]
}

export interface TileWrite extends TileKey {
  readonly view: number
  /** Of the last record folded into this tile; -1: it is from before the log's first record. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/** The log closed `day` at `offset`: the first offset judged after the close. */
export interface Milestone {
  readonly day: DayIndex
  readonly generation: number
  readonly offset: number
  readonly watermark: number
  /** Largest event time accepted before `offset`. */
  readonly maxEventTime: number
  /** Newest day that an event id was remembered under before `offset`; -Infinity where there was none. */
  readonly newestIdDay: DayIndex
  /** Timestamp of the closing record, ms; NaN where the log has none. */
  readonly timestamp: number
}

export interface MaintenanceBounds {
  /** Days before it will see few writes: their tiles may move to where a scan reads them best. */
  readonly settleBefore: DayIndex
  /** Per view: tiles of days before it may be dropped; an entity goes with its last tile. */
  readonly evictBefore: readonly DayIndex[]
  /** Ids of buckets before it may be forgotten. */
  readonly forgetIdsBefore: DayIndex
  /** Entities or ids touched by one call, at most. */
  readonly limit: number
}

/** Small and rewritten by each commit. Plain JSON values only. */
export interface StateHead {
  readonly format: 1
  readonly pipeline: string
  readonly partition: number
  readonly partitions: number
  readonly logIdentity: string | undefined
  readonly generation: number
  /** Where the state began to read. */
  readonly origin: number
  /** First offset that is not in the state. */
  readonly nextOffset: number
  readonly time: TimeState
  readonly views: readonly ViewState[]
  readonly rejects: { readonly judged: number; readonly rejected: number }
  /** Records by outcome since the origin: for people, never for decisions. */
  readonly counts: Readonly<Record<string, number>>
  readonly online: OnlinePosition | undefined
  readonly table: TablePosition
}

export interface ViewState {
  readonly name: string
  readonly version: number
  readonly hash: string
  /** Aggregate keys of each tile layout ever written; tiles name theirs by its index. */
  readonly layouts: readonly (readonly string[])[]
}

export interface OnlinePosition {
  /** The marker as it was last acknowledged. */
  readonly marker: Marker
  /** A scan that is under way: where it stands. */
  readonly scan: ScanPosition | undefined
}

export interface ScanPosition {
  readonly id: string
  /** That of the values it tells: under another one it proves nothing. */
  readonly generation: number
  /** Entities whose last record is at or after it are told. */
  readonly position: number
  /** Values may be as of this day; those that change by themselves until `asOf` are told. */
  readonly fromAsOf: DayIndex
  readonly asOf: DayIndex
  /** The committed position when the scan began. */
  readonly startedAt: number
  /** Of the store when the scan began: in another one what was told may be gone. */
  readonly incarnation: string
  /** Ends with a walk through the store. */
  readonly walks: boolean
  readonly view: number
  readonly slot: number
  /** Entities up to this one of the slot are told. */
  readonly after: string | undefined
}

export interface TablePosition {
  /** Per view: the last day whose every slot is in the table, as far as this partition knows. */
  readonly complete: readonly (DayIndex | undefined)[]
  /** Per view: of the days that have closed, the last one up to which the tables lack no slot that is not dirty here. */
  readonly whole?: readonly (DayIndex | undefined)[]
  /** What `whole` said in a state that was just taken over: slots of closed days behind it are to be written anew. */
  readonly owed?: readonly (DayIndex | undefined)[]
  /**
   * The generation whose publish, or rollback, the tables are still to get: until they have it, rows of closed days may be missing that
   * this state does not owe them, and what they call complete may be taken back.
   */
  readonly awaits?: number
  /** Per view: of the tables, when slots of this partition were last written to them. */
  readonly versions?: readonly TableVersions[]
}

export type TableVersions = Readonly<Partial<Record<'rows' | 'tiles', number>>>

// --- the online store ----------------------------------------------------------------------------------------------

/** Compared in this order; a store never replaces a value by one of a lower or equal version. */
export interface OnlineVersion {
  readonly generation: number
  /** Of the last record folded into any tile of this entity and view. */
  readonly offset: number
  readonly day: DayIndex
}

export interface OnlineValue {
  /** `user_activity:v1` */
  readonly view: string
  readonly entity: string
  readonly partition: number
  readonly version: OnlineVersion
  /** Decimal text per non-null feature, in column order. Empty: the all-empty value. */
  readonly fields: readonly (readonly [name: string, text: string])[]
  /** First day on which the value changes by itself; undefined when it never does. */
  readonly nextDay: DayIndex | undefined
  /** Ms; the partition's watermark when the value was computed. */
  readonly watermark: number
  /** Newest event in the value, ms; undefined in an all-empty one. */
  readonly eventTime: number | undefined
  readonly state: 'provisional' | 'final'
  readonly definition: string
  readonly ttlMs: number
}

export interface OnlineWriteResult {
  readonly written: number
  /** A higher version was there, or the same one. */
  readonly refused: number
  /** Values that a lower partition holds in the same generation: a key that is routed to two partitions. */
  readonly foreign: readonly {
    readonly view: string
    readonly entity: string
    readonly partition: number
  }[]
}

/** "Told up to here": every entity whose offset is below `position`, as of `asOf`. */
export interface Marker {
  readonly generation: number
  readonly position: number
  readonly asOf: DayIndex
  /** Set while a scan is under way. */
  readonly scanId: string | undefined
}

export interface ExpectedMarker {
  /** The last one that was acknowledged; undefined where none was. */
  readonly marker: Marker | undefined
  /** In which the values below the new marker were written. */
  readonly incarnation: string
}

export interface MarkerAdvance {
  readonly outcome: 'advanced' | 'ahead' | 'lost'
  /** What is stored afterwards. */
  readonly stored: Marker | undefined
}

export interface OnlineStore extends AsyncDisposable {
  /**
   * Names the servers' histories as they are now (Redis: replication ids). Another name: a server was restarted, restored or
   * replaced by a replica, so it may lack writes that had been acknowledged.
   */
  readonly incarnation: string
  /**
   * Each value atomically with its version compare; renews the value's time to live also where the version is equal.
   * Safe to repeat. @throws ONLINE_UNAVAILABLE (retry), ONLINE_REFUSED (stop)
   */
  write(values: readonly OnlineValue[]): Promise<OnlineWriteResult>
  /** Undefined: never written or expired. The order of the fields need not be that of the columns. */
  read(view: string, entity: string): Promise<OnlineValue | undefined>
  marker(partition: number): Promise<Marker | undefined>
  /**
   * Compare and advance, in one step. `lost`: the stored marker is missing or lower than the one expected, or the incarnation is
   * another than that in which the values were written, so some may be gone; nothing is written. `ahead`: the stored one has a
   * higher (generation, position, as-of) than `marker`; it stays. With several masters each holds a marker; the lowest counts.
   */
  advanceMarker(partition: number, marker: Marker, expected: ExpectedMarker): Promise<MarkerAdvance>
  /** Takes the marker away, as if the store had lost it: the partition's owner, whoever that is, tells every value again. */
  forgetMarker(partition: number): Promise<void>
  /**
   * Values of one view that a partition holds, or that are asked for by entity and holder, paged by an opaque cursor; `next` undefined
   * at the end.
   */
  walk(
    view: string,
    whose: number | ((entity: string, holder: number) => boolean),
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly values: readonly OnlineValue[]; readonly next: string | undefined }>
  /** The store's own wall clock, ms. */
  nowMs(): Promise<number>
}

// --- the tables ----------------------------------------------------------------------------------------------------

export interface TableSpec {
  /** Folder under the location: `user_activity_v1`, `user_activity_v1__tiles`. */
  readonly name: string
  readonly columns: readonly ColumnSpec[]
  /** Columns that rows are sorted by within a file. */
  readonly sortedBy: readonly string[]
  readonly generation: number
  /** Key-value metadata of each file: pipeline, view, version, definition. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface TableStore {
  /**
   * Makes the table or opens it; adds columns that it lacks (null in older files) and raises its generation to the spec's.
   * @throws TABLE_REFUSED where a column has another type, or the table is not ours or uses features that we do not write
   */
  open(spec: TableSpec): Promise<FeatureTable>
}

/** Records of generations, `_tidemark/generations/...`: beside the tables, or beside the states where there are none. */
export interface GenerationStore {
  /** Put-if-absent; returns what is stored afterwards. */
  put(generation: number, record: string): Promise<string>
  /** Unique name of this place, made by the first who asks; processes that see the same one write to the same tables. */
  identity(): Promise<string>
  /** Ascending. */
  list(): Promise<readonly { readonly generation: number; readonly record: string }[]>
}

export interface SlotKey {
  readonly day: DayIndex
  readonly partition: number
  readonly slot: number
}

/** The new content of a slot; `file` undefined: the slot is empty. */
export interface SlotChange extends SlotKey {
  /** X: the committed position when the reading of the slot began. */
  readonly position: number
  readonly file: StagedFile | undefined
}

/** An immutable data file that no transaction names yet. */
export interface StagedFile {
  readonly path: string
  readonly rows: number
  readonly bytes: number
  readonly stats: string
}

export interface TableTransaction {
  readonly generation: number
  readonly run: string
  readonly changes: readonly SlotChange[]
  /** Per partition: the last day whose every slot is in, raised by this transaction. */
  readonly complete: readonly { readonly partition: number; readonly day: DayIndex }[]
}

export interface TableCommit {
  readonly version: number
  readonly applied: number
  /** Changes whose slot already held the same or a higher version. */
  readonly dropped: number
}

export interface LeftSlot extends Pick<SlotKey, 'day' | 'slot'> {
  readonly position: number
}

export interface FeatureTable {
  readonly spec: TableSpec
  /**
   * Writes the rows of a slot under a new immutable name, fsynced, sorted. Readers do not see it before `commit`.
   * @throws TABLE_UNAVAILABLE (retry), TABLE_REFUSED (disk full, permission)
   */
  write(slot: SlotKey, position: number, rows: RowBuffer): Promise<StagedFile | undefined>
  /**
   * One transaction: per slot a compare of (generation, position) with the active file, conflicts re-read and decided again.
   * @throws GENERATION_CHANGED, TABLE_UNAVAILABLE, TABLE_REFUSED
   */
  commit(transaction: TableTransaction): Promise<TableCommit>
  /**
   * Control: partition -> the last day whose every slot is in. Days may go back where a later generation begins.
   * @throws GENERATION_CHANGED where it has begun
   */
  complete(): Promise<ReadonlyMap<number, DayIndex>>
  /** Of the newest snapshot. Every transaction raises it, those of upkeep too. */
  version(): Promise<number>
  /** The newest generation whose publish or rollback is in it; 0: none. */
  swapped(): Promise<number>
  /**
   * Slots that have rows of generations before the one it is opened for, of a partition's days after `after`, with the position that
   * they were written at; Infinity for those of a compacted file.
   */
  left(partition: number, after: DayIndex): Promise<readonly LeftSlot[]>
}

// --- time, and what an operator sees -------------------------------------------------------------------------------

export interface Clock {
  /** Wall clock, ms since the Unix epoch. */
  wallMs(): number
  /** Never goes back; for durations. */
  monotonicMs(): number
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
