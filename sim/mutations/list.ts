/**
 * Deliberate bugs of the kinds that real stream processors and their clients had. `npm run sim:mutations` plants them one by one
 * in a copy of the tree and lets the simulator run: a seed must fail. A unit test keeps each search text findable.
 */
import { AMENDMENT_MUTATIONS } from './amendments.ts'
import { CHECKPOINT_MUTATIONS } from './checkpoints.ts'
import { HAND_OVER_MUTATIONS } from './hand-over.ts'
import { LOG_MUTATIONS } from './log.ts'
import type { SimulatedMutation } from './mutation.ts'
import { ONLINE_MUTATIONS } from './online.ts'
import { STATE_MUTATIONS } from './state.ts'
import { TABLE_MUTATIONS } from './table.ts'

export const SIMULATED_MUTATIONS: readonly SimulatedMutation[] = [
  ...LOG_MUTATIONS,
  ...STATE_MUTATIONS,
  ...ONLINE_MUTATIONS,
  ...TABLE_MUTATIONS,
  ...CHECKPOINT_MUTATIONS,
  ...HAND_OVER_MUTATIONS,
  ...AMENDMENT_MUTATIONS,
]
