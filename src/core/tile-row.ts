/**
 * The rows of a view's tile table: the partial aggregates of one day, so that longer windows, new windows and a replay
 * beyond the log's retention can start from them. `_tile` is the tile itself; the other columns are for people.
 */
import { unreachable } from '../errors.ts'
import type { Calendar, DayIndex } from './day.ts'
import type { ColumnSpec, RowBuffer } from './columns.ts'
import { appendEntity } from './feature-row.ts'
import type { TileCodec } from './tile-codec.ts'
import { EVENT_TIME_CELL, OFFSET_CELL } from './tile-slab.ts'
import type { TileSlab } from './tile-slab.ts'
import type { Value } from './value.ts'
import type { ViewPlan } from './view-plan.ts'

export function tileColumns(view: ViewPlan): ColumnSpec[] {
  return [
    ...view.entityColumns,
    { name: 'event_timestamp', type: { kind: 'timestamp' }, description: 'End of the bucket' },
    ...view.definition.features.map(({ name }) => ({
      name,
      type: view.layout.placed[aggregateIndex(view, name)]?.aggregate.type ?? {
        kind: 'int64' as const,
      },
    })),
    {
      name: '_max_event_time',
      type: { kind: 'timestamp' },
      description: 'Newest event in the tile',
    },
    {
      name: '_offset',
      type: { kind: 'int64' },
      description: 'Offset of the last record in the tile',
    },
    {
      name: '_tile',
      type: { kind: 'binary' },
      description:
        'The partial aggregates; the generation record with this _definition names them, in order',
    },
    {
      name: '_definition',
      type: { kind: 'string' },
      description: 'Hash of the definition of the view',
    },
    { name: '_run', type: { kind: 'string' }, description: 'Run that wrote the row' },
  ]
}

/** Which aggregate of the layout a feature reads. */
function aggregateIndex(view: ViewPlan, feature: string): number {
  for (const column of view.features) {
    if (column.kind === 'aggregate' && column.feature.name === feature) return column.aggregate
  }
  return unreachable(feature as never)
}

/** Turns stored tiles into rows; one instance serves a view. */
export class TileRows {
  readonly #view: ViewPlan
  readonly #codec: TileCodec
  readonly #slab: TileSlab
  readonly #slot: number
  readonly #aggregates: readonly number[]

  constructor(view: ViewPlan, codec: TileCodec) {
    this.#view = view
    this.#codec = codec
    this.#slab = view.layout.slab()
    this.#slot = this.#slab.allocate()
    this.#aggregates = view.definition.features.map(({ name }) => aggregateIndex(view, name))
  }

  append(
    rows: RowBuffer,
    entity: readonly Value[],
    tile: { readonly day: DayIndex; readonly bytes: Uint8Array },
    context: { readonly calendar: Calendar; readonly run: string },
  ): void {
    const { layout } = this.#view
    this.#codec.decode(tile.bytes, this.#slab, this.#slot)
    let at = appendEntity(rows, entity)
    rows.columns[at++]?.append(context.calendar.endOf(tile.day))
    for (const index of this.#aggregates) {
      const aggregate = layout.placed[index]?.aggregate
      rows.columns[at++]?.append(
        aggregate?.result(this.#slab, layout.place(this.#slot, index)) ?? null,
      )
    }
    rows.columns[at++]?.append(this.#slab.cell(this.#slot, EVENT_TIME_CELL))
    rows.columns[at++]?.append(this.#slab.cell(this.#slot, OFFSET_CELL))
    rows.columns[at++]?.append(this.#codec.current(tile.bytes, this.#slab, this.#slot).slice())
    rows.columns[at++]?.append(this.#view.definitionOf(tile.day))
    rows.columns[at]?.append(context.run)
  }
}
