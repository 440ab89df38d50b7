import { expect, test } from 'vitest'
import { markOwed } from '../../src/engine/owed-slots.ts'
import type { StateHead } from '../../src/engine/ports.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'

const NOTHING = { tiles: [], ids: [], milestones: [], cleared: [] }

async function stateWith(table: StateHead['table'], closedDay: number | undefined) {
  const disk = new MemoryDisk()
  const state = await MemoryPartitionState.open(disk)
  const head = {
    format: 1,
    origin: 5,
    nextOffset: 9,
    time: { closedDay, tickCloses: [[10, NaN]] },
    views: [{ name: 'a' }, { name: 'b' }],
    table,
  } as unknown as StateHead
  const dirty = new Map([['r:0:12:0', 7]])
  await state.commit({ ...NOTHING, head, dirty: table.owed ? dirty : new Map() })
  return state
}

/** `kind:view:day` of slots. */
async function marked(state: MemoryPartitionState): Promise<string[]> {
  const names = [...(await state.dirtySlots()).keys()]
  return [...new Set(names.map((name) => name.replace(/:\d+$/, '')))].sort()
}

test('days that were closed and not wholly in the tables are written anew, slots that were found empty too', async () => {
  const state = await stateWith({ complete: [], owed: [11, undefined] }, 12)
  await markOwed(state, 2)
  expect(await marked(state)).toEqual(
    ['0:12', '1:10', '1:11', '1:12'].flatMap((day) => [`r:${day}`, `t:${day}`]).sort(),
  )
  expect((await state.dirtySlots()).size).toBe(16)
})

test('what is dirty stays as it is, and it is done once', async () => {
  const state = await stateWith({ complete: [], awaits: 2, owed: [11, 12] }, 12)
  await markOwed(state, 2)
  expect((await state.dirtySlots()).get('r:0:12:0')).toBe(7)
  expect(state.head?.table).toEqual({ complete: [], awaits: 2, whole: [11, 12] })
})

test('a state that was not taken over owes nothing', async () => {
  const state = await stateWith({ complete: [3, 3], whole: [3, 3] }, 12)
  await markOwed(state, 2)
  expect((await state.dirtySlots()).size).toBe(0)
})
