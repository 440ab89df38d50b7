/** A pipeline that states are handed over to, and replays that leave such. */
import { createCheckpointStore } from '../../src/checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../../src/checkpoint/failure.ts'
import { recordText } from '../../src/core/generation.ts'
import type { GenerationRecord, HandOver } from '../../src/core/generation.ts'
import type { CheckpointStore } from '../../src/engine/checkpoint-port.ts'
import { replacedPlace } from '../../src/engine/hand-over-port.ts'
import type { HandOvers } from '../../src/engine/hand-over-port.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { FolderStorage } from '../../src/storage/folder-storage.ts'
import { SILENT } from '../support/silent-log.ts'
import { Rig } from './rig.ts'
import type { RigParts } from './rig.ts'

export const PLACE = 'replays/one'

/** A log of five days, and a pipeline that others can hand over to. */
export function openRig(parts: RigParts = {}): Rig {
  const rig = new Rig(parts)
  const whole = new MemoryObjectStorage({
    bucket: new MemoryBucket(),
    files: new MemoryFiles(),
    nowMs: () => rig.clock.wallMs(),
    faults: CHECKPOINT_FAULTS,
  })
  let ids = 0
  const stores = new Map<string, CheckpointStore>()
  const states = (place: string): CheckpointStore => {
    const store =
      stores.get(place) ??
      createCheckpointStore({
        storage: new FolderStorage(whole, place),
        pipeline: rig.pipeline.name,
        policy: { keep: 1, keepForMs: 0 },
        clock: rig.clock,
        log: SILENT,
        newId: () => String((ids += 1)).padStart(8, '0'),
      })
    stores.set(place, store)
    return store
  }
  const handOvers: HandOvers = { states, replaced: (n) => states(replacedPlace(n)) }
  rig.handOvers = handOvers
  return rig
}

export const DAYS = ['2024-03-04', '2024-03-05', '2024-03-06', '2024-03-07', '2024-03-08']

export function appendDays(rig: Rig, days: readonly string[]): void {
  rig.append(days.flatMap((day) => [`${day} 08:00`, `${day} 12:00`]))
}

/** The state of the log's first records, as a replay leaves it. */
export async function handOverState(rig: Rig, days: readonly string[]): Promise<number> {
  const side = openRig()
  appendDays(side, days)
  await side.runToEnd()
  await seal(side.disks[0] ?? new MemoryDisk())
  await using state = await MemoryPartitionState.open(side.disks[0] ?? new MemoryDisk())
  await using snapshot = await state.snapshot()
  await rig.handOvers?.states(PLACE).write(snapshot, 'replay')
  return snapshot.head.nextOffset
}

async function seal(disk: MemoryDisk): Promise<void> {
  await using state = await MemoryPartitionState.open(disk)
  const { head } = state
  if (head === undefined) throw new Error('a head')
  await state.commit({
    head: { ...head, online: undefined, table: { complete: [] } },
    tiles: [],
    ids: [],
    milestones: [],
    dirty: new Map(),
    cleared: [...(await state.dirtySlots()).keys()],
  })
}

export async function publish(rig: Rig, handOver: HandOver): Promise<number> {
  const newest = (await rig.generations.list()).at(-1)
  const record = JSON.parse(newest?.record ?? '') as GenerationRecord
  const generation = record.generation + 1
  await rig.generations.put(generation, recordText({ ...record, generation, handOver }))
  return generation
}

export interface Stated {
  readonly forgetsDays?: readonly number[]
  readonly by?: NonNullable<HandOver['by']>
}

export function states(offset: number, more: Stated = {}): HandOver {
  return { kind: 'states', place: PLACE, partitions: [{ partition: 0, offset }], ...more }
}
