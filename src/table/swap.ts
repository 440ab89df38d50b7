/**
 * A table's days taken from elsewhere: files of a replay, or those that a replay has replaced, come in as files of another
 * generation, and the table's generation is raised, in one transaction.
 *
 *     const swap = new TableSwap(table, { generation, want, ... })
 *     await swap.prepare()      copies, under names that no reader sees
 *     await swap.commit()       one transaction; again, and nothing happens
 *
 * A slot keeps what an owner of that generation has written meanwhile: it knows more. The transaction leaves a mark with its
 * generation, so that one which comes late, or again, cannot bring back what others have changed since.
 */
import { invariant } from '../errors.ts'
import type { Action } from './delta/actions.ts'
import type { Proposal } from './delta/log.ts'
import type { Snapshot } from './delta/snapshot.ts'
import type { DeltaTable } from './delta-table.ts'
import { dataFilePath } from './file-name.ts'
import { checkOwned, SETTING, vacuumCutoff } from './ownership.ts'
import { addOf } from './slots.ts'
import { addedColumns, isSwapped, NO_SWAP, planCreation, planSwap } from './swap-plan.ts'
import type { SourceFile, SwapPlan, SwapRequest, WantedPlace } from './swap-plan.ts'

export interface SwapResult {
  /** Undefined: there is no table, and none is made. */
  readonly version: number | undefined
  readonly filesIn: number
  readonly filesOut: number
  /** Files whose slot an owner of the generation has written already. */
  readonly kept: number
  /** An earlier transaction has done all of it. */
  readonly isRepeated: boolean
}

interface Copy {
  readonly path: string
  readonly stagedMs: number
}

/** From a bucket each is a request. */
const COPIED_AT_ONCE = 8

export class TableSwap {
  readonly #table: DeltaTable
  readonly #request: SwapRequest
  /** By source. */
  readonly #copies = new Map<string, Copy>()

  constructor(table: DeltaTable, request: SwapRequest) {
    this.#table = table
    this.#request = request
  }

  /** What changes, as it looks now. */
  wanted(): Promise<readonly WantedPlace[]> {
    return this.#table.log.latest((snapshot) => this.#wantedOn(snapshot))
  }

  /** @throws TABLE_REFUSED where the table cannot take the columns or is not ours; TABLE_UNAVAILABLE where a file is missing */
  async prepare(): Promise<void> {
    await this.#copyMissing(await this.wanted())
  }

  /** @throws TABLE_REFUSED, TABLE_UNAVAILABLE */
  async commit(): Promise<SwapResult> {
    for (;;) {
      const decided: { plan?: SwapPlan; missing?: readonly WantedPlace[] } = {}
      const { version, written } = await this.#table.log.commit((snapshot) => {
        delete decided.missing
        const wanted = this.#wantedOn(snapshot)
        if (this.#lacks(wanted, snapshot)) {
          // Others have changed places that were the same before: their files are copied first.
          decided.missing = wanted
          return this.#proposal([])
        }
        decided.plan = this.#plan(snapshot, wanted)
        return this.#proposal(decided.plan.actions)
      })
      if (decided.missing) await this.#copyMissing(decided.missing)
      else {
        invariant(decided.plan, 'a swap was decided')
        await this.discard()
        const { actions: _, ...counts } = decided.plan
        const isThere = version >= 0
        return {
          version: isThere ? version : undefined,
          ...counts,
          isRepeated: isThere && !written,
        }
      }
    }
  }

  /** Deletes copies that the table does not name. */
  async discard(): Promise<void> {
    const { name, log: deltaLog, options } = this.#table
    const orphans = await deltaLog.latest((snapshot) =>
      [...this.#copies].filter(
        ([, { path }]) => !snapshot?.isActive(path) && !snapshot?.removal(path),
      ),
    )
    for (const [from, { path }] of orphans) {
      this.#copies.delete(from)
      try {
        await options.storage.delete(`${name}/${path}`)
      } catch (error) {
        options.log.warn(
          { table: name, path, error },
          'a copy that is not wanted stays until vacuum',
        )
      }
    }
  }

  #wantedOn(snapshot: Snapshot | undefined): readonly WantedPlace[] {
    const { name } = this.#table
    const { metaData, generation } = this.#request
    if (snapshot) {
      const pipeline = metaData?.configuration[SETTING.pipeline]
      checkOwned(name, snapshot, pipeline === undefined ? undefined : { metadata: { pipeline } })
      addedColumns(name, this.#request, snapshot)
      if (isSwapped(name, snapshot, generation)) return []
    }
    return this.#request.want(snapshot)
  }

  #lacks(wanted: readonly WantedPlace[], snapshot: Snapshot | undefined): boolean {
    const cutoff = snapshot ? vacuumCutoff(snapshot) : 0
    // A vacuum may have taken what was copied before its cut-off.
    for (const [from, { stagedMs }] of this.#copies)
      if (stagedMs < cutoff) this.#copies.delete(from)
    return wanted.some(({ files }) => files.some(({ from }) => !this.#copies.has(from)))
  }

  async #copyMissing(wanted: readonly WantedPlace[]): Promise<void> {
    const { name, options } = this.#table
    const { generation, onProgress } = this.#request
    const files = wanted
      .flatMap((place) => place.files)
      .filter(({ from }) => !this.#copies.has(from))
    let next = 0
    let done = 0
    const copyOn = async (): Promise<void> => {
      for (let file = files[next++]; file !== undefined; file = files[next++]) {
        const stagedMs = options.clock.wallMs()
        const path = dataFilePath({ ...file, generation, stagedMs }, options.newId())
        await options.storage.copy(file.from, `${name}/${path}`)
        this.#copies.set(file.from, { path, stagedMs })
        onProgress?.(++done, files.length)
      }
    }
    const outcomes = await Promise.allSettled(Array.from({ length: COPIED_AT_ONCE }, copyOn))
    for (const each of outcomes) if (each.status === 'rejected') throw each.reason
  }

  #plan(snapshot: Snapshot | undefined, wanted: readonly WantedPlace[]): SwapPlan {
    const { name, options } = this.#table
    const context = {
      table: name,
      request: this.#request,
      nowMs: options.clock.wallMs(),
      arrival: this.#arrival,
    }
    if (snapshot === undefined) return planCreation(context, options.newId(), wanted)
    const isDone = isSwapped(name, snapshot, this.#request.generation)
    return isDone ? NO_SWAP : planSwap(context, snapshot, wanted)
  }

  #proposal(actions: readonly Action[]): Proposal {
    const { operation, replay, generation } = this.#request
    return { operation, parameters: { replay, generation: String(generation) }, actions }
  }

  readonly #arrival = ({ from, bytes, stats }: SourceFile): Action => {
    const copy = this.#copies.get(from)
    invariant(copy, `a file was copied before it comes in: ${from}`)
    return { add: addOf(copy.path, { bytes, stats }, true) }
  }
}
