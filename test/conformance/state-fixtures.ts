/** Commits and tiles as the tests of a `PartitionState` write them, and what they found as text. */
import { expect } from 'vitest'
import type {
  EntityTiles,
  MaintenanceBounds,
  PartitionState,
  StateCommit,
  StateHead,
  TileWrite,
} from '../../src/engine/ports.ts'

export interface StateUnderTest {
  /** Opens the one store of this object; not while it is open. */
  open(): Promise<PartitionState>
  /** Another one, made of the files of a snapshot. */
  restored(
    files: AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>,
  ): Promise<PartitionState>
}

export function stateHead(nextOffset: number): StateHead {
  return {
    format: 1,
    pipeline: 'shop',
    partition: 3,
    partitions: 4,
    logIdentity: 'log-1',
    generation: 1,
    origin: 0,
    nextOffset,
    time: {
      maxEventTime: 1_000,
      maxEventOffset: 7,
      ticked: undefined,
      closedDay: 19_000,
      tickCloses: [[19_001, 5]],
      completeFrom: 18_990,
    },
    views: [{ name: 'activity', version: 1, hash: 'abc', layouts: [['count *']] }],
    rejects: { judged: 1, rejected: 0 },
    counts: { accepted: 1 },
    online: undefined,
    table: { complete: [undefined] },
  }
}

export function stateCommit(nextOffset: number, parts: Partial<StateCommit> = {}): StateCommit {
  return {
    head: stateHead(nextOffset),
    tiles: [],
    ids: [],
    milestones: [],
    dirty: new Map(),
    cleared: [],
    ...parts,
  }
}

export function tile(entity: string, day: number, offset: number, text = `${offset}`): TileWrite {
  return { view: 0, slot: 0, entity, day, offset, bytes: new TextEncoder().encode(text) }
}

/** Tiles as text, so that a failure reads well. */
export function shown(found: EntityTiles | undefined): unknown {
  if (found === undefined) return undefined
  const tiles = found.tiles.map(({ day, bytes }) => [day, textOf(bytes)])
  return { entity: found.entity, offset: found.offset, tiles }
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

export const NEVER: MaintenanceBounds = {
  settleBefore: -1_000,
  evictBefore: [-1_000, -1_000],
  forgetIdsBefore: -1_000,
  limit: 3,
}

export async function maintainAll(
  state: PartitionState,
  bounds: Partial<MaintenanceBounds>,
): Promise<void> {
  for (let rounds = 0; await state.maintain({ ...NEVER, ...bounds }); rounds += 1) {
    expect(rounds).toBeLessThan(10_000)
  }
}

/** Prefixes of each other, control characters, the ends of the UTF-8 ranges, and what UTF-16 sorts another way. */
export const ADVERSARIAL_ENTITIES = [
  '',
  '\0',
  '\0\0',
  ' ',
  'a',
  'a\0',
  'a\0b',
  'a|b',
  'ab',
  'abc',
  'user:1',
  'user:10',
  'user:2',
  '\x7f',
  '\x80',
  'ÿ',
  'ÿÿ',
  '߿',
  'ࠀ',
  '\ud7ff',
  '\ue000',
  '\uff5e',
  '\uffff',
  '\uffff\uffff',
  '😀',
  '😀a',
  '\u{10ffff}',
  '\u{10ffff}x',
]

export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
