/** An online value for people and machines: every column of the view, empty ones too, with their types. */
import { formatValue, parseValue } from '../core/text.ts'
import { TileCodec } from '../core/tile-codec.ts'
import type { Value } from '../core/value.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { WindowEvaluator } from '../core/window.ts'
import type { OnlineValue } from '../engine/ports.ts'

export interface ShownColumn {
  readonly name: string
  /** Decimal text; undefined is null. */
  readonly text: string | undefined
  /** Numbers as JSON has them where that is exact, text where it is not. */
  readonly json: Value
}

/** The all-empty value has no fields at all: what it means is the view's matter (counts are 0, averages null). */
export function shownColumns(view: ViewPlan, { fields }: OnlineValue): ShownColumn[] {
  const texts = new Map(fields)
  const empty = fields.length === 0 ? emptyTexts(view) : undefined
  return view.features.map(({ name, type }) => {
    const text = texts.get(name) ?? empty?.get(name)
    const isNumber = ['int32', 'int64', 'double', 'boolean'].includes(type.kind)
    const json = text === undefined ? null : isNumber ? (parseValue(text, type) ?? text) : text
    return { name, text, json }
  })
}

function emptyTexts(view: ViewPlan): Map<string, string> {
  const windows = new WindowEvaluator(view, new TileCodec(view.layout, [view.layout.signature]))
  windows.load({ tiles: [] })
  const texts = new Map<string, string>()
  windows.valuesAsOf(0).forEach((value, index) => {
    const column = view.features[index]
    if (value !== null && column) texts.set(column.name, formatValue(value, column.type))
  })
  return texts
}

/** `user_id=42 item_id=7`, as it is typed. */
export function entityWords(view: ViewPlan, entity: string): string {
  return Object.entries(entityData(view, entity))
    .map(([name, text]) => `${name}=${text}`)
    .join(' ')
}

export function entityData(view: ViewPlan, entity: string): Record<string, string> {
  const values = view.entity.decode(entity)
  return Object.fromEntries(
    view.entityColumns.flatMap(({ name, type }, index) => {
      const value = values[index]
      return value === undefined ? [] : [[name, formatValue(value, type)] as const]
    }),
  )
}
