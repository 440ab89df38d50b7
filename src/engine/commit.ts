/**
 * The commit of a partition: the only file that orders durable effects.
 *
 *     1. what is refused is kept        die here: written again at the next try, under the same positions
 *     2. one synced batch of the state  die before: nothing happened; die after: the commit stands
 *     3. the followers are told         die here: what they owe is in the state (dirty slots) or found by comparing the
 *                                       online marker with the state's position
 *
 * A follower shows only what step 2 has made durable, so a crash can take nothing back. The followers (online, table) have
 * positions of their own, carried by the next batch; none waits for another.
 */
import type { PartitionState, StateCommit } from './ports.ts'
import type { Reject, RejectSink } from './reject-port.ts'

export interface CommitWork {
  readonly rejects: readonly Reject[]
  readonly state: StateCommit
}

export interface CommitEffects {
  readonly rejects: RejectSink
  readonly state: PartitionState
  /** Takes what is committed to the followers; must not fail and must not wait. */
  tellFollowers(commit: StateCommit): void
}

/** @throws REJECTS_UNWRITABLE, STATE_WRITE_FAILED: the partition stops, and nothing after the failed step has happened. */
export async function commit(work: CommitWork, effects: CommitEffects): Promise<void> {
  if (work.rejects.length > 0) await effects.rejects.write(work.rejects)
  await effects.state.commit(work.state)
  effects.tellFollowers(work.state)
}
