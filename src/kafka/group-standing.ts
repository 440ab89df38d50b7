/**
 * What a member has been given, and in which generation of its group. A partition that is in two sets in a row was nobody
 * else's between them only if no generation was missed.
 */
import type { MemberClaim } from './member-metadata.ts'

export class GroupStanding {
  readonly #onDisk: Set<number>
  /** Of the last assignment, and of the first one. */
  #generation: number | undefined
  #since: number | undefined
  #held: ReadonlySet<number> | undefined

  /** `onDisk`: partitions whose state is on this machine already. */
  constructor(onDisk: readonly number[]) {
    this.#onDisk = new Set(onDisk)
  }

  get generation(): number | undefined {
    return this.#generation
  }

  /** Undefined: told as lost, or nothing told yet. */
  get held(): ReadonlySet<number> | undefined {
    return this.#held
  }

  get wasMember(): boolean {
    return this.#since !== undefined
  }

  /** Whether no generation was missed in which others could have had what is held. */
  isNext(generation: number): boolean {
    if (this.#held === undefined || this.#held.size === 0) return true
    return this.#generation !== undefined && generation <= this.#generation + 1
  }

  /** Nobody was given anything in this generation. */
  skip(generation: number): void {
    if (this.isNext(generation)) this.#generation = generation
  }

  /** @returns whether anything has changed */
  hold(generation: number, partitions: readonly number[]): boolean {
    const before = this.#held
    const held = new Set(partitions)
    for (const partition of held) this.#onDisk.add(partition)
    this.#generation = generation
    this.#since ??= generation
    this.#held = held
    return before?.size !== held.size || [...held].some((partition) => !before.has(partition))
  }

  lose(): void {
    this.#held = undefined
  }

  claim(): Pick<MemberClaim, 'held' | 'onDisk' | 'generation' | 'since'> {
    return {
      held: [...(this.#held ?? [])],
      onDisk: [...this.#onDisk].toSorted((a, b) => a - b),
      ...(this.#generation !== undefined && { generation: this.#generation }),
      ...(this.#since !== undefined && { since: this.#since }),
    }
  }
}
