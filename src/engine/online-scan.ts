/**
 * A scan: tells the online store every entity whose offset or as-of lies above the marker. It serves a crash between commit
 * and online, a store that lost data, a day's close (the sweep) and a new generation.
 *
 * Where it stands is in the state, with its id in the store's marker: a restart of the same owner goes on, any other begins
 * anew. After a loss it also walks the store, since values may be there whose entity the state no longer has.
 */
import type { DayIndex } from '../core/day.ts'
import { changesBetween } from '../core/online-row.ts'
import { slotOf } from '../core/slot.ts'
import type { ScanReason } from './online-marker.ts'
import type { OnlineTeller } from './online-teller.ts'
import type { PartitionContext } from './partition-context.ts'
import type { EntityTiles, OnlineStore, OnlineValue, ScanPosition } from './ports.ts'
import { isOlder, mayOwn, owns } from './regrouping.ts'
import { retryForEver } from './retry.ts'

const ENTITIES_PER_TURN = 400
/** Values told per second by a scan beside live traffic, so that midnight does not flood the store. */
const RATE_DEFAULT = 20_000

export interface ScanHelp {
  readonly context: PartitionContext
  readonly store: OnlineStore
  readonly teller: OnlineTeller
  isPaced(): boolean
  /** Lets live changes through between chunks; returns the position up to which they are told. */
  between(): Promise<number>
}

export class ScanTask {
  #position: ScanPosition
  readonly resumed: boolean
  readonly #reason: ScanReason

  private constructor(
    position: ScanPosition,
    { resumed, reason }: { readonly resumed: boolean; readonly reason: ScanReason },
  ) {
    this.#position = position
    this.resumed = resumed
    this.#reason = reason
  }

  static begin(
    reason: ScanReason,
    start: {
      readonly id: string
      readonly generation: number
      readonly from: { readonly position: number; readonly asOf: DayIndex }
      readonly startedAt: number
      readonly asOf: DayIndex
      readonly incarnation: string
    },
  ): ScanTask {
    const { id, generation, from, startedAt, asOf, incarnation } = start
    const walks = reason === 'loss' || reason === 'generation'
    const scan = {
      id,
      generation,
      position: from.position,
      fromAsOf: from.asOf,
      startedAt,
      asOf,
      incarnation,
      walks,
      view: 0,
      slot: 0,
      after: undefined,
    }
    return new ScanTask(scan, { resumed: false, reason })
  }

  static resume(position: ScanPosition): ScanTask {
    const loss = position.position <= 0 ? 'generation' : 'loss'
    return new ScanTask(position, { resumed: true, reason: position.walks ? loss : 'behind' })
  }

  get position(): ScanPosition {
    return this.#position
  }

  /** Why one that was in vain has to begin again: what it told may be gone. */
  get reasonToRepeat(): ScanReason {
    return this.#reason
  }

  progress({ views, slots }: PartitionContext): {
    reason: string
    slotsDone: number
    slots: number
  } {
    const { view, slot } = this.#position
    return {
      reason: this.#reason,
      slotsDone: view * slots + slot,
      slots: views.length * slots,
    }
  }

  /** The committed position when it began. */
  get startedAt(): number {
    return this.#position.startedAt
  }

  /** The as-of that every value has reached when it ends. */
  get asOf(): DayIndex {
    return this.#position.asOf
  }

  /** @returns the position up to which live changes are told at its end */
  async run(help: ScanHelp): Promise<number> {
    const { views, slots, signal } = help.context
    let { view, slot } = this.#position
    for (; view < views.length; view += 1, slot = 0) {
      for (; slot < slots; slot += 1) {
        if (this.#position.view !== view || this.#position.slot !== slot) {
          this.#position = { ...this.#position, view, slot, after: undefined }
        }
        await this.#scanSlot(help)
        if (signal.aborted) return this.startedAt
      }
    }
    if (this.#position.walks) await this.#walkStore(help)
    return help.between()
  }

  async #scanSlot(help: ScanHelp): Promise<void> {
    const { turns, state, signal } = help.context
    for (;;) {
      const { view, slot, after } = this.#position
      const page = await turns.read(async () => {
        const entities = await state.scan(view, slot, after, ENTITIES_PER_TURN)
        const values = entities
          .filter((tiles) => this.#isDue(help, view, tiles))
          .map((tiles) => help.teller.value(view, tiles))
        return {
          values,
          last: entities.at(-1)?.entity,
          full: entities.length === ENTITIES_PER_TURN,
        }
      })
      await this.#tell(help, page.values)
      if (!page.full || signal.aborted) return
      this.#position = { ...this.#position, after: page.last }
      await help.between()
    }
  }

  #isDue(help: ScanHelp, view: number, tiles: EntityTiles): boolean {
    const { position, fromAsOf, asOf } = this.#position
    if (tiles.offset >= position) return true
    const plan = help.context.views[view]
    const back = plan?.definition.online === 'closed' ? 1 : 0
    return changesBetween(help.teller.load(view, tiles), fromAsOf - back, asOf - back)
  }

  async #tell(help: ScanHelp, values: readonly OnlineValue[]): Promise<void> {
    await help.teller.tell(values)
    if (values.length === 0 || !help.isPaced()) return
    const { clock, signal, pipeline } = help.context
    const rate = pipeline.sinks.online?.scanRate ?? RATE_DEFAULT
    await clock.sleep((values.length / rate) * 1_000, signal)
  }

  /** Values that are this partition's business and whose entity the state lacks become all-empty. */
  async #walkStore(help: ScanHelp): Promise<void> {
    const { context, store, teller } = help
    const { turns, state, slots, partition, regrouping, generation, views, committed } = context
    for (const [view, plan] of views.entries()) {
      const isOwn = owns(regrouping, view, partition)
      const whose = regrouping ? mayOwn(regrouping, view, partition) : partition
      let cursor: string | undefined
      do {
        const page = await retryForEver(
          () => store.walk(plan.onlineName, whose, cursor, ENTITIES_PER_TURN),
          {
            ...context,
            what: 'online: walking the store',
          },
        )
        const held = page.values.filter(
          (value) => isOwn(value) && (this.#reason === 'loss' || !isEmptied(value, generation)),
        )
        const { orphans, nextOffset } = await turns.read(async () => {
          const keys = held.map(({ entity }) => ({ entity, slot: slotOf(entity, slots) }))
          const found = await state.entities(view, keys)
          return {
            orphans: held.filter((_, i) => found[i] === undefined),
            nextOffset: committed.nextOffset,
          }
        })
        await teller.tell(
          orphans.map(({ entity, version }) => {
            // Its last record is forgotten with its entity, and may be newer than what the store knows (it lost data, or that record
            // counts since this generation): nothing up to here may come back.
            const before = isOlder(regrouping, version) ? regrouping?.offset : undefined
            const offset = before ?? nextOffset - 1
            const empty = teller.value(view, { entity, offset, tiles: [] })
            return { ...empty, version: { generation, offset, day: this.asOf } }
          }),
        )
        cursor = page.next
        if (cursor !== undefined) await help.between()
      } while (cursor !== undefined && !context.signal.aborted)
    }
  }
}

/** All-empty, and for ever: it keeps the version of its last record, which the state has forgotten with the entity. */
function isEmptied(value: OnlineValue, generation: number): boolean {
  const { version, eventTime, nextDay } = value
  return version.generation === generation && eventTime === undefined && nextDay === undefined
}
