/**
 * Which member of a group gets which partitions. Pure, and the same for the same members in any order.
 *
 * In this order: every partition is given out; no member has more than one partition more than another; as many partitions
 * as the balance allows stay with those that hold them; of those that move, as many as can be found go to members that have
 * their state on disk.
 */
import { invariant } from '../errors.ts'

export interface Candidate {
  readonly id: string
  /** The generation that gave it what it holds; undefined: none did. */
  readonly generation: number | undefined
  readonly held: readonly number[]
  readonly onDisk: readonly number[]
}

interface Share {
  readonly id: string
  /** What it holds by right. */
  readonly kept: readonly number[]
  readonly onDisk: ReadonlySet<number>
  readonly partitions: number[]
}

/** @returns ascending partitions by member; every candidate has an entry */
export function assignPartitions(
  partitions: number,
  candidates: readonly Candidate[],
): ReadonlyMap<string, readonly number[]> {
  if (candidates.length === 0) return new Map()
  const sorted = candidates.toSorted((a, b) => compareTexts(a.id, b.id))
  const holders = rightfulHolders(partitions, sorted)
  const shares = sorted.map(({ id, held, onDisk }): Share => ({
    id,
    kept: [...new Set(held)].filter((partition) => holders.get(partition) === id),
    onDisk: new Set(onDisk),
    partitions: [],
  }))
  const quota = new Quota(partitions, shares.length)
  keepHeld(shares, quota)
  const given = new Set(shares.flatMap((share) => share.partitions))
  const free = range(partitions).filter((partition) => !given.has(partition))
  const homeless = giveToDisks(free, shares, quota)
  giveToSmallest(homeless, shares, quota)
  return new Map(shares.map((share) => [share.id, share.partitions.toSorted((a, b) => a - b)]))
}

/** How many partitions a member may have: the even share, and for as many members as there are left over, one more. */
class Quota {
  readonly even: number
  #extras: number

  constructor(partitions: number, members: number) {
    this.even = Math.floor(partitions / members)
    this.#extras = partitions % members
  }

  hasRoom({ partitions }: Share): boolean {
    return partitions.length < this.even || (partitions.length === this.even && this.#extras > 0)
  }

  give(share: Share, partition: number): void {
    invariant(this.hasRoom(share), `room for partition ${partition} at ${share.id}`)
    if (share.partitions.length === this.even) this.#extras -= 1
    share.partitions.push(partition)
  }
}

/** A member that missed a generation may claim what was given to another meanwhile: the newest generation is right. */
function rightfulHolders(
  partitions: number,
  sorted: readonly Candidate[],
): ReadonlyMap<number, string> {
  const holders = new Map<number, Candidate>()
  for (const candidate of sorted) {
    for (const partition of candidate.held) {
      const other = holders.get(partition)
      const isNewer = (candidate.generation ?? -1) > (other?.generation ?? -1)
      if (partition < partitions && (other === undefined || isNewer))
        holders.set(partition, candidate)
    }
  }
  return new Map([...holders].map(([partition, { id }]) => [partition, id]))
}

/** Those that hold most are the first to keep one more than the even share: no choice keeps more partitions in place. */
function keepHeld(shares: readonly Share[], quota: Quota): void {
  const disks = countDisks(shares)
  for (const share of shares.toSorted((a, b) => b.kept.length - a.kept.length)) {
    // Given up first is what others have on disk too.
    const order = share.kept.toSorted((a, b) => rarity(a, disks) - rarity(b, disks) || a - b)
    for (const partition of order) if (quota.hasRoom(share)) quota.give(share, partition)
  }
}

/** Partitions that few have on disk choose first. @returns what nobody with room has */
function giveToDisks(free: readonly number[], shares: readonly Share[], quota: Quota): number[] {
  const disks = countDisks(shares)
  const homeless: number[] = []
  for (const partition of free.toSorted((a, b) => rarity(a, disks) - rarity(b, disks) || a - b)) {
    const share = smallest(shares, (one) => one.onDisk.has(partition) && quota.hasRoom(one))
    if (share === undefined) homeless.push(partition)
    else quota.give(share, partition)
  }
  return homeless.toSorted((a, b) => a - b)
}

function giveToSmallest(
  partitions: readonly number[],
  shares: readonly Share[],
  quota: Quota,
): void {
  for (const partition of partitions) {
    const share = smallest(shares, (one) => quota.hasRoom(one))
    invariant(share !== undefined, `a member with room for partition ${partition}`)
    quota.give(share, partition)
  }
}

/** The first of those with the fewest partitions. */
function smallest(shares: readonly Share[], fits: (share: Share) => boolean): Share | undefined {
  let found: Share | undefined
  for (const share of shares) {
    if (!fits(share)) continue
    if (found === undefined || share.partitions.length < found.partitions.length) found = share
  }
  return found
}

function countDisks(shares: readonly Share[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const { onDisk } of shares)
    for (const partition of onDisk) counts.set(partition, (counts.get(partition) ?? 0) + 1)
  return counts
}

function rarity(partition: number, disks: ReadonlyMap<number, number>): number {
  return disks.get(partition) ?? 0
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number)
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
