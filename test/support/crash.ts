/**
 * Death at a chosen effect: before it, or after it and before its answer. Wraps the ports of a run; what is beneath the
 * wrapped adapters survives, as a disk does.
 */
import type {
  FeatureTable,
  OnlineStore,
  PartitionState,
  TableStore,
} from '../../src/engine/ports.ts'
import type { RejectSink } from '../../src/engine/reject-port.ts'

export class Crashed extends Error {
  constructor(effect: string) {
    super(`crashed at ${effect}`)
  }
}

export class CrashPoint {
  /** Effects counted so far, by name. */
  readonly effects = new Map<string, number>()
  #left: number
  readonly #after: boolean
  #dead = false

  /** @param after how many effects happen before the death; Infinity: none dies */
  constructor(after: number, { afterEffect = false } = {}) {
    this.#left = after
    this.#after = afterEffect
  }

  async effect<T>(name: string, effect: () => Promise<T>): Promise<T> {
    if (this.#dead) throw new Crashed(name)
    this.effects.set(name, (this.effects.get(name) ?? 0) + 1)
    this.#left -= 1
    if (this.#left >= 0) return effect()
    this.#dead = true
    if (this.#after) await effect()
    throw new Crashed(name)
  }
}

export function crashingState(state: PartitionState, crash: CrashPoint): PartitionState {
  return wrap(state, {
    commit: (commit) => crash.effect('state commit', () => state.commit(commit)),
    maintain: (bounds) => crash.effect('state maintenance', () => state.maintain(bounds)),
  })
}

export function crashingOnline(store: OnlineStore, crash: CrashPoint): OnlineStore {
  return wrap(store, {
    write: (values) => crash.effect('online write', () => store.write(values)),
    advanceMarker: (partition, marker, expected) =>
      crash.effect('online marker', () => store.advanceMarker(partition, marker, expected)),
  })
}

export function crashingRejects(sink: RejectSink, crash: CrashPoint): RejectSink {
  return wrap(sink, { write: (rejects) => crash.effect('rejects', () => sink.write(rejects)) })
}

export function crashingTables(store: TableStore, crash: CrashPoint): TableStore {
  return wrap(store, {
    open: async (spec) => {
      const table: FeatureTable = await store.open(spec)
      return wrap(table, {
        write: (slot, position, rows) =>
          crash.effect('table file', () => table.write(slot, position, rows)),
        commit: (transaction) => crash.effect('table commit', () => table.commit(transaction)),
      })
    },
  })
}

/** An object that answers with the overrides, and with the original's own methods else. */
export function wrap<T extends object>(original: T, overrides: Partial<T>): T {
  return new Proxy(original, {
    get(target, name) {
      const override = (overrides as Record<string | symbol, unknown>)[name]
      if (override !== undefined) return override
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
