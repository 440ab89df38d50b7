/** Has everything come to rest? All records folded, told and in the tables, by members that agree on who works on what. */
import type { PartitionProgress } from '../src/engine/parts.ts'
import type { StateHead } from '../src/engine/ports.ts'
import type { MemoryDisk } from '../src/memory/disk.ts'
import type { Operator } from './operator.ts'
import { generationRecords } from './publish.ts'
import type { World } from './world.ts'

const LOOK_EVERY_MS = 1_000
const LOOKS_AT_REST = 3
/** A partition that is not done by then hangs. */
const REST_MAX_MS = 30 * 60_000

/** @returns whether all came to rest; where not, what did not is a violation */
export async function settle(world: World, operator: Operator): Promise<boolean> {
  const { scheduler } = world
  const endMs = scheduler.nowMs + REST_MAX_MS
  let looks = 0
  let restless = 'nothing looked at'
  const look = (): void => {
    restless = whatIsRestless(world, operator) ?? ''
    looks = restless === '' ? looks + 1 : 0
    if (looks < LOOKS_AT_REST && scheduler.nowMs < endMs) scheduler.after(LOOK_EVERY_MS, look)
  }
  scheduler.after(LOOK_EVERY_MS, look)
  await scheduler.run(() => looks >= LOOKS_AT_REST || scheduler.nowMs >= endMs)
  if (looks >= LOOKS_AT_REST) return true
  world.violation(`no rest after ${REST_MAX_MS / 60_000} minutes without faults: ${restless}`)
  return false
}

function whatIsRestless(world: World, operator: Operator): string | undefined {
  if (world.replays.size > 0) return `${[...world.replays].join(', ')} is under way`
  const newest = generationRecords(world).length
  for (let partition = 0; partition < world.log.partitions; partition += 1) {
    const owner = world.coordinator.ownerOf(partition)
    const member = operator.members.find(({ process }) => process.name === owner)
    const progress = member?.progress?.partitions.find((one) => one.partition === partition)
    if (progress === undefined) return `partition ${partition} is not open at ${owner ?? 'anybody'}`
    if (member?.progress?.generation !== newest)
      return `partition ${partition} at ${owner ?? ''}: generation ${newest} is not taken over`
    const why =
      whyRestless(progress, world.log.endOffset(partition)) ??
      whyDurablyRestless(member.machine.look(partition), world.log.endOffset(partition))
    if (why !== undefined) return `partition ${partition} at ${owner ?? ''}: ${why}`
    if (!world.online.hasCompared(partition))
      return `partition ${partition} at ${owner ?? ''}: its marker was not compared since the online store lost data`
  }
  // Two that hold one partition are not at rest: one of them has not heard.
  const open = operator.members.flatMap(({ progress }) => progress?.partitions ?? [])
  return open.length > world.log.partitions ? 'a partition is open twice' : undefined
}

/** What the process tells is half a second old: what lies on its disk is what counts. */
function whyDurablyRestless(disk: MemoryDisk | undefined, endOffset: number): string | undefined {
  if (disk?.head === undefined) return endOffset > 0 ? 'nothing on disk' : undefined
  const { time, nextOffset, online } = JSON.parse(disk.head) as StateHead
  if (nextOffset < endOffset) return `at offset ${nextOffset} of ${endOffset} on disk`
  if (disk.dirty.size > 0) return `${disk.dirty.size} dirty slots on disk`
  if (online?.scan !== undefined) return 'a scan is under way on disk'
  if (online === undefined || online.marker.position < nextOffset)
    return 'told less than is on disk'
  if (time.closedDay !== undefined && online.marker.asOf < time.closedDay + 1)
    return `told as of ${online.marker.asOf}, closed ${time.closedDay} on disk`
  return undefined
}

function whyRestless(
  { nextOffset, online, table, closedDay, phase }: PartitionProgress,
  endOffset: number,
): string | undefined {
  if (phase !== 'live' && endOffset > 0) return `phase ${phase}`
  if (nextOffset < endOffset) return `at offset ${nextOffset} of ${endOffset}`
  if (online !== undefined) {
    if (online.failing) return 'the online store does not answer'
    if (online.scan !== undefined) return `scanning: ${online.scan.reason}`
    if (online.backlog > 0) return `${online.backlog} values not told`
    if (online.position < nextOffset) return `told up to ${online.position} of ${nextOffset}`
    if (closedDay !== undefined && online.asOf < closedDay + 1)
      return `online as of ${online.asOf}, closed ${closedDay}`
  }
  if (table !== undefined && (table.dirtySlots > 0 || table.waitingDays > 0))
    return `${table.dirtySlots} dirty slots, ${table.waitingDays} waiting days`
  return undefined
}
