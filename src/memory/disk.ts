/** What survives of a state in memory, and the files that a snapshot of it has. */
import { crc32c } from '../core/crc32c.ts'
import type { DayIndex } from '../core/day.ts'
import { takenOver } from '../engine/hand-over-port.ts'
import type { Milestone, StateFile, StateHead } from '../engine/ports.ts'

export interface EntityRecord {
  evictedOffset: number
  readonly tiles: Map<DayIndex, { readonly offset: number; readonly bytes: Uint8Array }>
}

export class MemoryDisk {
  head: string | undefined
  /** By view, slot and entity. */
  readonly records = new Map<string, Map<string, EntityRecord>>()
  readonly ids = new Map<string, Set<DayIndex>>()
  readonly milestones = new Map<string, Milestone>()
  readonly dirty = new Map<string, number>()

  slot(view: number, slot: number): Map<string, EntityRecord> {
    const name = `${view} ${slot}`
    const known = this.records.get(name) ?? new Map<string, EntityRecord>()
    this.records.set(name, known)
    return known
  }
}

/** A file per (view, slot), named after its content, and one for the rest. */
export function filesOf(disk: MemoryDisk): StateFile[] {
  const slots = [...disk.records]
    .filter(([, records]) => records.size > 0)
    .map(([name, records]) => {
      const bytes = encode([...records].map(([entity, record]) => [entity, storedRecord(record)]))
      return stateFile(`slot ${name} ${fingerprint(bytes)}`, bytes, true)
    })
  const { head, milestones, dirty } = disk
  const ids = [...disk.ids].map(([id, days]) => [id, [...days]] as const)
  const rest: StoredRest = { head, ids, milestones: [...milestones.values()], dirty: [...dirty] }
  return [...slots, stateFile('rest', encode(rest), false)]
}

function stateFile(name: string, bytes: Uint8Array, isFixed: boolean): StateFile {
  return { name, bytes: bytes.length, isFixed, read: () => Promise.resolve(bytes) }
}

/** As JSON: the same content has the same bytes, however the runtime happens to hold its numbers. */
interface StoredRecord {
  readonly evictedOffset: number
  readonly tiles: readonly (readonly [day: DayIndex, offset: number, base64: string])[]
}

interface StoredRest {
  readonly head: string | undefined
  readonly ids: readonly (readonly [id: string, days: readonly DayIndex[]])[]
  /** A timestamp that the log does not have is null, and so is the day where there is no id. */
  readonly milestones: readonly Milestone[]
  readonly dirty: readonly (readonly [slot: string, offset: number])[]
}

function storedRecord({ evictedOffset, tiles }: EntityRecord): StoredRecord {
  const stored = [...tiles].map(
    ([day, { offset, bytes }]) => [day, offset, Buffer.from(bytes).toString('base64')] as const,
  )
  return { evictedOffset, tiles: stored }
}

function recordOf({ evictedOffset, tiles }: StoredRecord): EntityRecord {
  const read = tiles.map(([day, offset, base64]) => {
    return [day, { offset, bytes: Uint8Array.from(Buffer.from(base64, 'base64')) }] as const
  })
  return { evictedOffset, tiles: new Map(read) }
}

function encode(content: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(content))
}

/** The state that the files of a snapshot hold. @param generation what its head says of it, where that is to change */
export async function diskOf(
  files: AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>,
  generation?: number,
): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  for await (const { name, bytes } of files) {
    const content = JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
    if (name === 'rest') restoreRest(disk, content as StoredRest)
    else {
      const records = content as readonly (readonly [string, StoredRecord])[]
      const place = name.split(' ').slice(1, 3).join(' ')
      disk.records.set(place, new Map(records.map(([entity, one]) => [entity, recordOf(one)])))
    }
  }
  if (generation !== undefined && disk.head !== undefined)
    disk.head = JSON.stringify(takenOver(JSON.parse(disk.head) as StateHead, generation))
  return disk
}

function restoreRest(disk: MemoryDisk, { head, ids, milestones, dirty }: StoredRest): void {
  disk.head = head
  for (const [id, days] of ids) disk.ids.set(id, new Set(days))
  for (const each of milestones) {
    const { timestamp, newestIdDay } = each as Partial<Record<keyof Milestone, number | null>>
    const known = { timestamp: timestamp ?? NaN, newestIdDay: newestIdDay ?? -Infinity }
    disk.milestones.set(milestoneKey(each), { ...each, ...known })
  }
  for (const [key, offset] of dirty) disk.dirty.set(key, offset)
}

export function milestoneKey({ day, generation }: Milestone): string {
  return `${day} ${generation}`
}

function fingerprint(bytes: Uint8Array): string {
  return crc32c(bytes).toString(16)
}
