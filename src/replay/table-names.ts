/** Tables of a view, by its title: `user_activity@1` has its rows in `user_activity_v1`, its tiles beside them. */
import type { GenerationRecord } from '../core/generation.ts'
import { titleOf } from '../core/view-title.ts'

export function tablesOf(title: string): readonly string[] {
  const rows = title.replace('@', '_v')
  return [rows, `${rows}__tiles`]
}

export function isOfTiles(table: string): boolean {
  return table.endsWith('__tiles')
}

export function titlesOf({ views }: GenerationRecord): string[] {
  return views.map(titleOf)
}
