/** Entities that commits have changed and the online store has not been told of: each once, with how long it waits. */
import type { TileWrite } from './ports.ts'

/** By view. Wall clock ms; undefined where nothing waits. */
type Since = (number | undefined)[]

export interface TakenChanges {
  readonly entities: readonly ReadonlySet<string>[]
  /** Timestamp of the oldest record among the changes. */
  readonly recordMs: Readonly<Since>
  /** Oldest commit among them. */
  readonly committedMs: number | undefined
}

export class PendingChanges {
  readonly #views: number
  #entities: Set<string>[]
  #recordMs: Since
  #committedMs: number | undefined
  #count = 0

  constructor(views: number) {
    this.#views = views
    this.#entities = Array.from({ length: views }, () => new Set())
    this.#recordMs = Array.from({ length: views }, () => undefined)
  }

  get count(): number {
    return this.#count
  }

  get recordMs(): Readonly<Since> {
    return this.#recordMs
  }

  /** @param recordMs timestamp of the oldest record of the commit */
  add(
    changed: readonly Pick<TileWrite, 'view' | 'entity'>[],
    at: { readonly recordMs: number; readonly committedMs: number },
  ): void {
    for (const { view, entity } of changed) {
      this.#entities[view]?.add(entity)
      this.#recordMs[view] ??= at.recordMs
    }
    if (changed.length > 0) this.#committedMs ??= at.committedMs
    this.#recount()
  }

  take(): TakenChanges {
    const taken = {
      entities: this.#entities,
      recordMs: this.#recordMs,
      committedMs: this.#committedMs,
    }
    this.clear()
    return taken
  }

  /** What was taken was not told for sure. */
  putBack({ entities, recordMs, committedMs }: TakenChanges): void {
    for (const [view, names] of entities.entries()) {
      for (const name of names) this.#entities[view]?.add(name)
      this.#recordMs[view] = recordMs[view] ?? this.#recordMs[view]
    }
    this.#committedMs = committedMs ?? this.#committedMs
    this.#recount()
  }

  clear(): void {
    this.#entities = Array.from({ length: this.#views }, () => new Set())
    this.#recordMs = Array.from({ length: this.#views }, () => undefined)
    this.#committedMs = undefined
    this.#count = 0
  }

  #recount(): void {
    this.#count = this.#entities.reduce((count, { size }) => count + size, 0)
  }
}
