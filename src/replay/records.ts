/**
 * What is kept of replays, beside the generations' records: plans, results, and the audit trail of everything that was done with
 * them. The port; its adapter is `src/storage/replay-records.ts`. Errors: TABLE_UNAVAILABLE (retry), TABLE_REFUSED.
 */
import type { DayIndex } from '../core/day.ts'
import type { AuditStamp, DayRange, ReplayPlan } from './plan.ts'

export interface ReplayRecords {
  /** Put-if-absent: a plan never changes. @throws USAGE where the id is taken */
  create(plan: ReplayPlan): Promise<void>
  /** Oldest first. */
  list(): Promise<readonly Replay[]>
  /** @throws USAGE, with the nearest known ids, where there is none of this id */
  get(id: string): Promise<Replay>
  /** Replaces an earlier result: a run that was repeated has the same values. */
  putResult(id: string, result: ReplayResult): Promise<void>
  /** Appends to the audit trail of a replay; never changed afterwards. */
  audit(id: string, entry: AuditEntry): Promise<void>
}

export interface Replay {
  readonly plan: ReplayPlan
  /** Undefined until a run has come to its end. */
  readonly result: ReplayResult | undefined
  /** In the order in which they were written. */
  readonly trail: readonly AuditEntry[]
}

export interface ReplayResult {
  readonly finishedMs: number
  readonly run: string
  readonly seconds: number
  readonly partitions: readonly PartitionResult[]
  readonly tables: readonly StagedTable[]
}

export interface PartitionResult {
  readonly partition: number
  /** Where the state of the replay stands: the first offset that is not in it. */
  readonly offset: number
  /** Last day that the log closed; rows of later days are not published. */
  readonly closedDay: DayIndex | undefined
  readonly records: number
  /** Records by outcome, those that were rejected by their reasons among them. */
  readonly counts?: Readonly<Record<string, number>>
  /** Id of the state in the replay's place of states; undefined where it does not hand over. */
  readonly checkpoint: string | undefined
}

export interface StagedTable {
  readonly name: string
  readonly days: DayRange | undefined
  readonly files: number
  readonly rows: number
  /** Of its log: a run that goes on changes it. */
  readonly version?: number
  /** Hex, of all values but provenance: equal where the rows are. */
  readonly checksum: string
}

export type AuditEntry = AuditStamp & {
  readonly did: 'plan' | 'run' | 'diff' | 'publish' | 'rollback' | 'discard'
  /** The generation that a publish or a rollback made. */
  readonly generation?: number
  /** Ranges, counts, validation results, what was forced: JSON for people and machines. */
  readonly details: Readonly<Record<string, unknown>>
}
