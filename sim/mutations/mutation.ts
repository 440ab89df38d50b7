/** A deliberate bug that the simulator must find: in reading the log, the state, the online store, the tables or checkpoints. */
import type { Edit } from '../../test/mutations/edit.ts'

export interface SimulatedMutation {
  readonly name: string
  readonly edits: readonly Edit[]
}
