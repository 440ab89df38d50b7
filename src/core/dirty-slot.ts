/**
 * Slots: the unit in which tables are rewritten. A slot is (view, rows or tiles, day, hash slot) of one partition; it is
 * dirty while the table lacks something of it. Written as `r:0:11444:3` or `t:0:11444:3`.
 */
import { invariant } from '../errors.ts'
import type { DayIndex } from './day.ts'

export type SlotKind = 'rows' | 'tiles'

export interface DirtySlot {
  readonly kind: SlotKind
  readonly view: number
  readonly day: DayIndex
  readonly slot: number
}

export function formatSlot({ kind, view, day, slot }: DirtySlot): string {
  return `${kind === 'rows' ? 'r' : 't'}:${view}:${day}:${slot}`
}

export function parseSlot(text: string): DirtySlot {
  const [kind, view, day, slot] = text.split(':')
  invariant(
    (kind === 'r' || kind === 't') && slot !== undefined,
    `a slot reads r:view:day:slot, not ${text}`,
  )
  return {
    kind: kind === 'r' ? 'rows' : 'tiles',
    view: Number(view),
    day: Number(day),
    slot: Number(slot),
  }
}

/** Undefined: there is none. */
export function oldestDay(slots: Iterable<string>): DayIndex | undefined {
  let oldest = Infinity
  for (const slot of slots) oldest = Math.min(oldest, parseSlot(slot).day)
  return oldest === Infinity ? undefined : oldest
}
