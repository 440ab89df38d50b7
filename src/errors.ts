/**
 * Every failure an operator can meet, as data: a stable code, whether a retry can help, and a message that says what
 * happened, where, and what to do next. `docs/errors.md` has a section per code; a test keeps both in step.
 *
 * A bug is not in here: `invariant` throws for those and the process stops.
 */

const CATALOGUE = {
  /** The pipeline file or the command line is wrong. Exit code 2. */
  DEFINITION_INVALID: { retryable: false, exitCode: 2 },
  USAGE: { retryable: false, exitCode: 2 },
  /** State, table or online store hold another meaning than the pipeline file gives now. */
  DEFINITION_CHANGED: { retryable: false, exitCode: 2 },
  /** The source is not what the state was built from (partitions added, log deleted and made again). */
  SOURCE_CHANGED: { retryable: false, exitCode: 1 },
  SOURCE_UNREADABLE: { retryable: false, exitCode: 1 },
  /** Brokers that cannot be reached or have no leader now. */
  SOURCE_UNAVAILABLE: { retryable: true, exitCode: 1 },
  /** The brokers refuse: authentication, authorization, TLS. */
  SOURCE_REFUSED: { retryable: false, exitCode: 1 },
  /** Members of one group write to different places, or the group cannot be joined. */
  GROUP_REFUSED: { retryable: false, exitCode: 1 },
  /** The schema registry cannot be reached. */
  SCHEMA_UNAVAILABLE: { retryable: true, exitCode: 1 },
  SCHEMA_REFUSED: { retryable: false, exitCode: 1 },
  /** The offset that the state needs is no longer in the log. */
  OFFSET_GONE: { retryable: false, exitCode: 1 },
  STATE_LOCKED: { retryable: false, exitCode: 1 },
  STATE_DAMAGED: { retryable: false, exitCode: 1 },
  STATE_WRITE_FAILED: { retryable: false, exitCode: 1 },
  ONLINE_UNAVAILABLE: { retryable: true, exitCode: 1 },
  ONLINE_REFUSED: { retryable: false, exitCode: 1 },
  TABLE_UNAVAILABLE: { retryable: true, exitCode: 1 },
  TABLE_REFUSED: { retryable: false, exitCode: 1 },
  /** Files staged for a table before its last vacuum cut-off may be deleted: repeating the transaction cannot help. */
  STAGED_FILES_EXPIRED: { retryable: false, exitCode: 1 },
  /** The table belongs to another generation than the writer's. */
  GENERATION_CHANGED: { retryable: false, exitCode: 1 },
  CHECKPOINT_UNAVAILABLE: { retryable: true, exitCode: 1 },
  CHECKPOINT_REFUSED: { retryable: false, exitCode: 1 },
  /** A file of a checkpoint is missing or has other bytes than were written. */
  CHECKPOINT_DAMAGED: { retryable: false, exitCode: 1 },
  REJECTS_ABOVE_LIMIT: { retryable: false, exitCode: 1 },
  REJECTS_UNWRITABLE: { retryable: false, exitCode: 1 },
  /** The address of metrics and health cannot be listened at. */
  HTTP_LISTEN_FAILED: { retryable: false, exitCode: 1 },
  /** The source, the tables or the states do not allow the replay: nothing was changed. */
  REPLAY_REFUSED: { retryable: false, exitCode: 1 },
  /** A process that worked for a replay is gone. */
  WORKER_LOST: { retryable: false, exitCode: 1 },
  /** A result left the range of its column's type; it is never rounded or wrapped. */
  VALUE_OUT_OF_RANGE: { retryable: false, exitCode: 1 },
} as const satisfies Record<string, { retryable: boolean; exitCode: 1 | 2 }>

export type ErrorCode = keyof typeof CATALOGUE
export const ERROR_CODES = Object.keys(CATALOGUE) as readonly ErrorCode[]

interface Context extends ErrorOptions {
  readonly details?: Readonly<Record<string, unknown>>
}

export class TidemarkError extends Error {
  override readonly name = 'TidemarkError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly exitCode: 1 | 2
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, { details = {}, ...options }: Context = {}) {
    super(`${message} [${code}]`, options)
    this.code = code
    this.retryable = CATALOGUE[code].retryable
    this.exitCode = CATALOGUE[code].exitCode
    this.details = details
  }
}

/** Ends messages of what no repetition mends: `Mend it, or ${BEGIN_ANEW}`. */
export const BEGIN_ANEW =
  'begin anew in empty places: name new ones for the state and every sink in the pipeline file (state, sinks, rejects), and run again'

/** Ways on where partitions were added to a log. */
export function regroupOr(newLog: string): string {
  return (
    'Regroup the entities, and go on with all their values: `tidemark replay plan --reason "partitions were added"`, then `tidemark replay run ID`, ' +
    `\`tidemark replay publish ID\`, and start again. Or make a new ${newLog}, copy what is needed of the old one into it by key, and ${BEGIN_ANEW}`
  )
}

/** A condition that only a bug can break. Throws a plain Error: nothing may continue after it. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}

export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
