/**
 * The transaction log of one table: reads it forward, and appends to it by put-if-absent on the next version.
 *
 * A commit is a decision on the newest snapshot. Where another writer took the version first, its commit is read and the
 * decision made again, so that writers need no lock and no order among themselves. Inside a process one call at a time
 * has the snapshot.
 */
import { TidemarkError } from '../../errors.ts'
import type { Clock, Log } from '../../engine/ports.ts'
import type { ParquetEngine } from '../parquet.ts'
import type { ObjectStorage } from '../../storage/object-storage.ts'
import { decodeActions, encodeActions, type Action } from './actions.ts'
import {
  lastCheckpoint,
  listCheckpoints,
  readCheckpoint,
  versionName,
  writeCheckpoint,
  type CheckpointFilter,
  type CheckpointPlace,
} from './checkpoint.ts'
import { Snapshot } from './snapshot.ts'

/** Lost races after which a commit gives up and is retried by its caller. */
const ATTEMPTS_MAX = 200
const BACKOFF_MS_FIRST = 2
const BACKOFF_MS_MAX = 250
/** A new reader folds at most so many commits. */
const CHECKPOINT_EVERY = 50

export interface LogOptions {
  readonly storage: ObjectStorage
  readonly parquet: ParquetEngine
  readonly clock: Clock
  readonly log: Log
  /** A new UUID at each call: for names that no other writer gives. */
  readonly newId: () => string
  /** Versions from one checkpoint of the log to the next. */
  readonly checkpointEvery?: number
}

/** What a commit wants, given the newest snapshot; undefined while the table does not exist. */
export type Decision = (snapshot: Snapshot | undefined) => Promise<Proposal> | Proposal

/** No actions: nothing to write, the version stays. */
export interface Proposal {
  readonly operation: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly actions: readonly Action[]
}

export class DeltaLog {
  /** `<table>/_delta_log` */
  readonly folder: string
  readonly #options: LogOptions
  readonly #filter: (snapshot: Snapshot) => CheckpointFilter
  #snapshot = new Snapshot()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    folder: string,
    options: LogOptions,
    filter: (snapshot: Snapshot) => CheckpointFilter,
  ) {
    this.folder = folder
    this.#options = options
    this.#filter = filter
  }

  /** Runs `read` on the newest snapshot (undefined: no table), which moves on when it returns. */
  latest<T>(read: (snapshot: Snapshot | undefined) => T): Promise<T> {
    return this.#inTurn(async () => read(await this.#advance()))
  }

  /** A snapshot of its own. @throws TABLE_REFUSED where that version is not, or no longer, in the log */
  async at(version: number): Promise<Snapshot> {
    const snapshot = await this.#load(version)
    if (snapshot.version === version && snapshot.complete) return snapshot
    const newest = await this.latest((latest) => latest?.version ?? -1)
    throw new TidemarkError(
      'TABLE_REFUSED',
      `${this.folder}: version ${version} cannot be read: the newest is ${newest}, and old ones go with their log. ` +
        `Ask for a version that \`tidemark table show\` lists.`,
    )
  }

  /** @throws TABLE_UNAVAILABLE after too many lost races; whatever the decision throws */
  commit(decide: Decision): Promise<{ readonly version: number; readonly written: boolean }> {
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (attempt > 0) await this.#backOff(attempt)
        const snapshot = await this.#advance()
        const proposal = await decide(snapshot)
        if (proposal.actions.length === 0) {
          return { version: snapshot?.version ?? -1, written: false }
        }
        if (await this.#append(proposal)) {
          await this.#checkpointIfDue()
          return { version: this.#snapshot.version, written: true }
        }
      }
      throw new TidemarkError(
        'TABLE_UNAVAILABLE',
        `${this.folder}: ${ATTEMPTS_MAX} commits in a row were overtaken by other writers. It will be tried again; ` +
          `if that goes on, let fewer processes write this table.`,
      )
    })
  }

  /** Now, whatever the version. */
  checkpoint(): Promise<void> {
    return this.#inTurn(async () => {
      const snapshot = await this.#advance()
      if (snapshot) await writeCheckpoint(this.#place(), snapshot, this.#filter(snapshot))
    })
  }

  checkpoints(): Promise<number[]> {
    return listCheckpoints(this.#place())
  }

  async #append({ operation, parameters, actions }: Proposal): Promise<boolean> {
    const version = this.#snapshot.version + 1
    const commitInfo = {
      timestamp: this.#options.clock.wallMs(),
      operation,
      operationParameters: parameters,
      isolationLevel: 'Serializable',
      isBlindAppend: false,
      engineInfo: 'tidemark',
    }
    const lines = encodeActions([{ commitInfo }, ...actions])
    if (!(await this.#options.storage.putIfAbsent(this.#path(version), lines))) return false
    this.#snapshot.apply(version, actions)
    return true
  }

  /** A reader may come at any version; a checkpoint that fails costs time, not data. */
  async #checkpointIfDue(): Promise<void> {
    const snapshot = this.#snapshot
    const every = this.#options.checkpointEvery ?? CHECKPOINT_EVERY
    if (snapshot.version === 0 || snapshot.version % every !== 0) return
    try {
      await writeCheckpoint(this.#place(), snapshot, this.#filter(snapshot))
    } catch (error) {
      const fields = { table: this.folder, version: snapshot.version, error }
      this.#options.log.warn(fields, 'checkpoint of the table log failed; the next is tried later')
    }
  }

  async #advance(): Promise<Snapshot | undefined> {
    if (this.#snapshot.version < 0 || !(await this.#stillOurs()))
      this.#snapshot = await this.#load()
    else await this.#readOn(this.#snapshot)
    return this.#snapshot.complete ? this.#snapshot : undefined
  }

  /**
   * False where the cached version is no longer a file of the log: cleaned up while we slept, or another table stands here.
   * Going on would append a version into a gap that no reader looks at.
   */
  async #stillOurs(): Promise<boolean> {
    return (await this.#options.storage.stat(this.#path(this.#snapshot.version))) !== undefined
  }

  async #load(until = Number.POSITIVE_INFINITY): Promise<Snapshot> {
    const snapshot = new Snapshot()
    const checkpoint = await this.#startingPoint(until)
    if (checkpoint !== undefined) {
      snapshot.apply(checkpoint, await readCheckpoint(this.#place(), checkpoint))
    }
    await this.#readOn(snapshot, until)
    return snapshot
  }

  async #startingPoint(until: number): Promise<number | undefined> {
    const last = await lastCheckpoint(this.#place())
    if (last !== undefined && last <= until) return last
    const all = await listCheckpoints(this.#place())
    return all.filter((version) => version <= until).at(-1)
  }

  async #readOn(snapshot: Snapshot, until = Number.POSITIVE_INFINITY): Promise<void> {
    while (snapshot.version < until) {
      const version = snapshot.version + 1
      const bytes = await this.#options.storage.get(this.#path(version))
      if (!bytes) return
      snapshot.apply(version, this.#decode(version, bytes))
    }
  }

  #decode(version: number, bytes: Uint8Array): Action[] {
    try {
      return decodeActions(bytes)
    } catch (cause) {
      throw new TidemarkError(
        'TABLE_REFUSED',
        `${this.#path(version)} is no commit of a Delta log (${String(cause)}). Restore the file or the table from a copy.`,
        { cause },
      )
    }
  }

  async #backOff(attempt: number): Promise<void> {
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** attempt)
    await this.#options.clock.sleep(
      (Number.parseInt(this.#options.newId().slice(0, 8), 16) / 2 ** 32) * ceiling,
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  #place(): CheckpointPlace {
    return { ...this.#options, folder: this.folder }
  }

  #path(version: number): string {
    return `${this.folder}/${versionName(version)}.json`
  }
}
