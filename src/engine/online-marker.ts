/** The marker of one partition in the online store: "told up to here". It is compared before anything is told and with every advance. */
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import type { PartitionContext } from './partition-context.ts'
import type { Marker, OnlinePosition, OnlineStore } from './ports.ts'
import { retryForEver } from './retry.ts'

/** A close only; a crash or an overflow left the store behind; the store lost data; a new generation takes over. */
const REASONS = ['sweep', 'behind', 'loss', 'generation'] as const
export type ScanReason = (typeof REASONS)[number]

export function strongerReason(a: ScanReason | undefined, b: ScanReason): ScanReason {
  return a !== undefined && REASONS.indexOf(a) > REASONS.indexOf(b) ? a : b
}

/** Before every day that an event can have (event times before 2000 are refused). */
export const BEFORE_ALL_DAYS: DayIndex = 0

/** Where nothing is told: before every record, and before what regrouping hands to a partition that was added. */
export const BEFORE_ALL = { position: -1, asOf: BEFORE_ALL_DAYS }

export class OnlineMarker {
  readonly #context: PartitionContext
  readonly #store: OnlineStore
  readonly #onTrouble: (failing: boolean) => void
  /** Where telling stands: the last marker acknowledged, or the beginning. */
  #now: Marker
  /** The last marker known to be in the store; undefined while none was ever there. */
  #acknowledged: Marker | undefined
  #comparedMs: number

  constructor(
    context: PartitionContext,
    store: OnlineStore,
    start: {
      readonly last: Marker | undefined
      readonly origin: number
      readonly onTrouble: (failing: boolean) => void
    },
  ) {
    this.#context = context
    this.#store = store
    this.#onTrouble = start.onTrouble
    this.#now = start.last ?? beginning(context.generation, start.origin)
    this.#comparedMs = context.clock.monotonicMs()
  }

  get now(): Marker {
    return this.#now
  }

  get comparedMsAgo(): number {
    return this.#context.clock.monotonicMs() - this.#comparedMs
  }

  /**
   * Takes the store's marker over. Where nothing was ever told the beginning is written before the first value is: a store
   * that is emptied after that value lacks a marker then, instead of looking like one that nobody has used.
   *
   * @returns why a scan is due, and the marker that was found
   */
  async meet(
    online: OnlinePosition | undefined,
    origin: number,
  ): Promise<{ readonly stored: Marker | undefined; readonly reason: ScanReason | undefined }> {
    const { partition, generation, committed } = this.#context
    const stored = await this.#retry('reading the marker', () => this.#store.marker(partition))
    const reason = reasonToScan(stored, {
      acknowledged: online?.marker,
      generation,
      nextOffset: committed.nextOffset,
      origin,
    })
    this.#now = stored ?? beginning(generation, origin)
    this.#acknowledged = stored
    if (stored === undefined && reason === undefined) await this.#writeBeginning()
    return { stored, reason }
  }

  async #writeBeginning(): Promise<void> {
    let outcome: 'advanced' | 'repeat' | 'loss'
    do outcome = await this.advance(this.#now, this.#store.incarnation)
    while (outcome === 'repeat')
  }

  /** What a scan need not tell again. */
  toldUpTo(reason: ScanReason): Pick<Marker, 'position' | 'asOf'> {
    // A store that came back from before this generation has none of its values, whatever its marker says.
    if (reason === 'generation' || this.#now.generation < this.#context.generation)
      return BEFORE_ALL
    // Of a tile that has left the windows since then, and the state, nothing says any more whose values it has changed.
    return reason === 'loss' ? { ...this.#now, asOf: BEFORE_ALL.asOf } : this.#now
  }

  /**
   * `repeat`: a connection was made anew since `incarnation`, so what was told since may be gone; what the marker says is true.
   * `loss`: the store has certainly lost data; the marker is what the store has left. @throws GENERATION_CHANGED
   */
  async advance(marker: Marker, incarnation: string): Promise<'advanced' | 'repeat' | 'loss'> {
    const { partition, generation, log, clock } = this.#context
    const last = this.#acknowledged
    const { outcome, stored } = await this.#retry('advancing the marker', () =>
      this.#store.advanceMarker(partition, marker, { marker: last, incarnation }),
    )
    this.#comparedMs = clock.monotonicMs()
    if (stored !== undefined && stored.generation > generation)
      throw newerGeneration(stored.generation, generation)
    if (outcome !== 'lost') {
      // A store that is ahead (the state was rebuilt) keeps its marker; values are compared by version anyway.
      this.#acknowledged = outcome === 'advanced' ? marker : stored
      this.#now = marker
      return 'advanced'
    }
    if (last === undefined || (stored !== undefined && !isBefore(stored, last))) return 'repeat'
    log.warn(
      { partition },
      'online: the store has lost data (its marker is missing or older); telling every value again',
    )
    this.#now = stored ?? beginning(generation, BEFORE_ALL.position)
    this.#acknowledged = stored
    return 'loss'
  }

  #retry<T>(what: string, effect: () => Promise<T>): Promise<T> {
    return retryForEver(effect, {
      ...this.#context,
      what: `online: ${what} of partition ${this.#context.partition}`,
      onTrouble: this.#onTrouble,
    })
  }
}

function beginning(generation: number, position: number): Marker {
  return { generation, position, asOf: BEFORE_ALL_DAYS, scanId: undefined }
}

/** Why a partition that starts has to scan, given the marker in the store; undefined when nothing can be missing. */
function reasonToScan(
  stored: Marker | undefined,
  own: {
    readonly acknowledged: Marker | undefined
    readonly generation: number
    readonly nextOffset: number
    readonly origin: number
  },
): ScanReason | undefined {
  const { acknowledged, generation, nextOffset, origin } = own
  if (stored === undefined) {
    const isUntouched = acknowledged === undefined && nextOffset === origin
    return isUntouched ? undefined : 'loss'
  }
  if (stored.generation > generation) throw newerGeneration(stored.generation, generation)
  if (stored.generation < generation) return 'generation'
  if (acknowledged && isBefore(stored, acknowledged)) return 'loss'
  // A scan of another owner, or of one whose place was not kept, may have been healing a loss.
  if (stored.scanId !== undefined) return 'loss'
  return stored.position < nextOffset ? 'behind' : undefined
}

function isBefore(a: Marker, b: Marker): boolean {
  if (a.generation !== b.generation) return a.generation < b.generation
  if (a.position !== b.position) return a.position < b.position
  return a.asOf < b.asOf
}

function newerGeneration(found: number, own: number): TidemarkError {
  return new TidemarkError(
    'GENERATION_CHANGED',
    `the online store belongs to generation ${found}, this state to generation ${own}: a publish or a rollback has replaced it. Start again with the current pipeline file`,
    { details: { ownGeneration: own, newestGeneration: found } },
  )
}
