/**
 * Which partition an entity lives in, by the partitioner that a generation recorded when partitions were added: what producers do with the
 * text of `source.key`, done here with the entity's own fields, which contain it.
 */
import { invariant } from '../errors.ts'
import { partitionerNamed } from './partitioner.ts'
import type { Partitioner } from './partitioner.ts'
import { formatValue } from './text.ts'
import type { PresentValue } from './text.ts'
import type { ColumnType } from './value.ts'
import type { ViewPlan } from './view-plan.ts'

/** Of an entity, as states and online keys have it. */
export type HomeOf = (entity: string) => number

/** The text that a producer hashes: values of the key's fields, in their order. */
export function keyText(
  values: readonly PresentValue[],
  types: readonly (ColumnType | undefined)[],
): string {
  return values.map((value, i) => formatValue(value, types[i] ?? { kind: 'string' })).join('|')
}

/** Of keys as text. */
export function homeOfText(partitioner: Partitioner, partitions: number): HomeOf {
  const utf8 = new TextEncoder()
  return (text) => partitioner.partitionOf(utf8.encode(text), partitions)
}

/** Of a view's entities. */
export function homesOf(view: ViewPlan, partitioner: string, partitions: number): HomeOf {
  const known = partitionerNamed(partitioner)
  invariant(known, `a recorded partitioner is known: ${partitioner}`)
  const places = view.keyFields.map((field) => view.entityFields.indexOf(field))
  invariant(
    places.every((place) => place >= 0),
    `the entity of ${view.title} contains source.key`,
  )
  const types = places.map((place) => view.entityColumns[place]?.type)
  const home = homeOfText(known, partitions)
  return (entity) => {
    const values = view.entity.decode(entity)
    const key = places.map((place) => values[place] as PresentValue)
    return home(keyText(key, types))
  }
}
