/** What goes wrong between a member and its group: told to the debugging once each, and how long a refusal is borne. */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock, Log } from '../engine/ports.ts'
import type { TidemarkError } from '../errors.ts'
import { GroupAnswer, mayPass } from './group-coordinator.ts'
import type { GroupTrouble } from './group-coordinator.ts'
import { groupRefused } from './group-errors.ts'
import { ClusterUnreachable, refused } from './kafka-errors.ts'

/** A broker that starts may not know an access list, or a password, for a moment. */
const PATIENCE_FIRST_MS = 2_000
const PATIENCE_MS = 30_000

export class GroupTroubles {
  readonly #definition: KafkaLog
  readonly #clock: Clock
  readonly #log: Log
  #refusedSinceMs: number | undefined
  #latest: string | undefined

  constructor(definition: KafkaLog, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#definition = definition
    this.#clock = clock
    this.#log = log
  }

  /** Since the group answered well; undefined: none. */
  get latest(): string | undefined {
    return this.#latest
  }

  note(error: unknown): void {
    const { group } = this.#definition
    const text = error instanceof Error ? error.message : String(error)
    if (text !== this.#latest) this.#log.debug({ group }, `group ${group}: ${text}`)
    this.#latest = text
  }

  /** The group answers well. */
  over(): void {
    this.#latest = undefined
    this.#refusedSinceMs = undefined
  }

  /** What ends the member; undefined where trying again may help. A member of long standing is more patient. */
  failureIn(error: GroupTrouble, wasMember: boolean): TidemarkError | undefined {
    this.note(error)
    if (mayPass(error)) {
      this.#refusedSinceMs = undefined
      return undefined
    }
    const nowMs = this.#clock.monotonicMs()
    this.#refusedSinceMs ??= nowMs
    const patienceMs = wasMember ? PATIENCE_MS : PATIENCE_FIRST_MS
    if (nowMs - this.#refusedSinceMs < patienceMs) return undefined
    if (error instanceof GroupAnswer) return groupRefused(this.#definition, error.code)
    const cause = error instanceof ClusterUnreachable ? error : new ClusterUnreachable([error])
    return refused(this.#definition, cause)
  }
}
