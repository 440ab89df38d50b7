/** From an entity's tiles to its value in the online store: versioned, retried, counted. */
import type { DayIndex } from '../core/day.ts'
import { onlineRow } from '../core/online-row.ts'
import { slotOf } from '../core/slot.ts'
import { WindowEvaluator } from '../core/window.ts'
import { invariant } from '../errors.ts'
import type { PartitionContext } from './partition-context.ts'
import type { EntityTiles, OnlineStore, OnlineValue } from './ports.ts'
import { BEFORE_ALL_DAYS } from './online-marker.ts'
import type { TakenChanges } from './pending-changes.ts'
import { retryForEver } from './retry.ts'

const ENTITIES_PER_TURN = 256

export class OnlineTeller {
  readonly #context: PartitionContext
  readonly #store: OnlineStore
  readonly #windows: readonly WindowEvaluator[]
  readonly #onTrouble: (failing: boolean) => void
  #written = 0
  #refused = 0
  #foreign = 0

  constructor(
    context: PartitionContext,
    store: OnlineStore,
    onTrouble: (failing: boolean) => void,
  ) {
    this.#context = context
    this.#store = store
    this.#onTrouble = onTrouble
    this.#windows = context.views.map((view, i) => {
      const codec = context.codecs[i]
      invariant(codec, `view ${i} has a codec`)
      return new WindowEvaluator(view, codec)
    })
  }

  get written(): number {
    return this.#written
  }

  get refused(): number {
    return this.#refused
  }

  /** Values whose key another partition holds: see docs/semantics.md, generations. */
  get foreign(): number {
    return this.#foreign
  }

  /** The entity's tiles, decoded, until the next call. */
  load(view: number, tiles: EntityTiles): WindowEvaluator {
    const windows = this.#windows[view]
    invariant(windows, `view ${view} is planned`)
    windows.load(tiles)
    return windows
  }

  /** The value now, as of the last close. */
  value(view: number, tiles: EntityTiles): OnlineValue {
    const { views, committed, partition, generation } = this.#context
    const plan = views[view]
    invariant(plan, `view ${view} is planned`)
    const row = onlineRow(plan, this.load(view, tiles), this.#closedDay(tiles))
    return {
      view: plan.onlineName,
      entity: tiles.entity,
      partition,
      version: { generation, offset: tiles.offset, day: row.asOf },
      fields: row.fields,
      nextDay: row.nextDay,
      watermark: committed.watermark,
      eventTime: row.eventTime,
      state: row.asOf <= committed.finalDay ? 'final' : 'provisional',
      definition: plan.definition.hash,
      ttlMs: plan.definition.ttlMs,
    }
  }

  /** The values of changed entities as they are now. */
  async tellChanges({ entities, recordMs, committedMs }: TakenChanges): Promise<void> {
    const { clock, meters } = this.#context
    for (const [view, names] of entities.entries()) {
      const all = [...names]
      for (let i = 0; i < all.length; i += ENTITIES_PER_TURN) {
        await this.#tellEntities(view, all.slice(i, i + ENTITIES_PER_TURN))
      }
      const since = recordMs[view]
      if (since !== undefined)
        meters.freshness[view]?.observe((clock.wallMs() - since) / 1_000, all.length)
    }
    if (committedMs !== undefined)
      meters.onlineDelay.observe((clock.wallMs() - committedMs) / 1_000)
  }

  async #tellEntities(view: number, entities: readonly string[]): Promise<void> {
    const { turns, state, slots } = this.#context
    const values = await turns.read(async () => {
      const keys = entities.map((entity) => ({ entity, slot: slotOf(entity, slots) }))
      const stored = await state.entities(view, keys)
      return stored.flatMap((tiles) => (tiles === undefined ? [] : [this.value(view, tiles)]))
    })
    await this.tell(values)
  }

  async tell(values: readonly OnlineValue[]): Promise<void> {
    if (values.length === 0) return
    const { partition, clock, meters } = this.#context
    const startedMs = clock.monotonicMs()
    const result = await retryForEver(() => this.#store.write(values), {
      ...this.#context,
      what: `online: writing ${values.length} values of partition ${partition}`,
      onTrouble: this.#onTrouble,
    })
    meters.onlineSeconds.observe((clock.monotonicMs() - startedMs) / 1_000)
    this.#written += result.written
    this.#refused += result.refused
    this.#foreign += result.foreign.length
    for (const { view, entity, partition: holder } of result.foreign.slice(0, 3)) {
      this.#context.log.warn(
        { view, partition, holder },
        `key in two partitions: ${view} ${JSON.stringify(entity)} is held by partition ${holder}, partition ${partition} has it too. Producers use different partitioners; see docs/operate.md`,
      )
    }
  }

  /** Before the first close nothing is closed; any day before the tiles serves. */
  #closedDay(tiles: EntityTiles): DayIndex {
    const { calendar, committed } = this.#context
    const { closedDay, watermark } = committed
    if (closedDay !== -Infinity) return closedDay
    // Without any event: a value that the store has and the state, built again, has not reached yet.
    const newest = watermark === -Infinity ? BEFORE_ALL_DAYS : calendar.dayOf(watermark)
    return Math.min(newest, tiles.tiles[0]?.day ?? newest) - 1
  }
}
