/**
 * Filling the online store of a partition whose state is not on this machine: its marker is taken away, which its owner finds out within
 * seconds; what it does then shows in the marker that it writes.
 */
import type { Pipeline } from '../core/definition.ts'
import type { Clock, Log, Marker, OnlineStore } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { describeGroup } from '../kafka/group-description.ts'

const LOOK_MS = 500
/** An owner compares the marker every five seconds, and may be busy. */
const PATIENCE_MS = 30_000

/** Whether another process may hold the partition; where the group does not tell, it may. */
export async function mayHaveOwner(
  { source: { log: definition } }: Pipeline,
  partition: number,
  surroundings: { readonly clock: Clock; readonly log: Log },
): Promise<boolean> {
  if (definition.kind === 'files') return false
  try {
    const { state, members } = await describeGroup(definition, surroundings)
    return state === undefined || members.some((member) => member.partitions.includes(partition))
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return true
  }
}

export interface OwnerQuestion {
  readonly store: OnlineStore
  readonly partition: number
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onScan: (words: string) => void
}

/** @returns whether some process has filled it; else nobody holds the partition, and whoever takes it fills it first */
export async function askOwner(question: OwnerQuestion): Promise<boolean> {
  const { store, partition, clock, signal, onScan } = question
  await store.forgetMarker(partition)
  const startedMs = clock.monotonicMs()
  let seen: Marker | undefined
  while (!signal.aborted) {
    const marker = await store.marker(partition)
    if (marker !== undefined && marker.scanId === undefined) return true
    seen = marker ?? seen
    const waitedMs = clock.monotonicMs() - startedMs
    if (seen === undefined && waitedMs > PATIENCE_MS) return false
    onScan(
      seen === undefined
        ? `partition ${partition}: waiting for its owner`
        : `partition ${partition}: its owner tells all values`,
    )
    await clock.sleep(LOOK_MS, signal)
  }
  return false
}
