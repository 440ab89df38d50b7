/** Bugs in the commit of a partition and in what its state keeps. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const COMMIT = 'src/engine/commit.ts'
const STATE_COMMIT = 'src/engine/state-commit.ts'
const FOLD = 'src/engine/batch-fold.ts'
const BOUNDS = 'src/engine/maintenance-bounds.ts'

export const STATE_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'writing goes on after a batch that failed',
    edits: [
      edit(
        COMMIT,
        '  await effects.state.commit(work.state)\n',
        '  await effects.state.commit(work.state).catch(() => undefined)\n',
      ),
    ],
  },
  {
    name: 'followers are told of a commit that is not durable yet',
    edits: [
      edit(
        COMMIT,
        '  await effects.state.commit(work.state)\n',
        '  effects.state.commit(work.state).catch(() => undefined)\n',
      ),
    ],
  },
  {
    name: 'rejects are kept after the commit instead of before it',
    edits: [
      edit(
        COMMIT,
        '  if (work.rejects.length > 0) await effects.rejects.write(work.rejects)\n  await effects.state.commit(work.state)\n',
        '  await effects.state.commit(work.state)\n  if (work.rejects.length > 0) await effects.rejects.write(work.rejects)\n',
      ),
    ],
  },
  {
    name: 'rejects that cannot be kept are passed over',
    edits: [
      edit(
        COMMIT,
        'await effects.rejects.write(work.rejects)',
        'await effects.rejects.write(work.rejects).catch(() => undefined)',
      ),
    ],
  },
  {
    name: 'event ids are not part of the state',
    edits: [
      edit(STATE_COMMIT, 'ids: [...notes.ids].map(([id, day]) => ({ id, day })),', 'ids: [],'),
    ],
  },
  {
    name: 'milestones are not part of the state',
    edits: [edit(STATE_COMMIT, 'milestones: notes.milestones,', 'milestones: [],')],
  },
  {
    name: 'only the last of several days closed at once has a milestone',
    edits: [
      edit(
        FOLD,
        'const first = close.after === -Infinity ? through : close.after + 1',
        'const first = through',
      ),
    ],
  },
  {
    name: 'a tile that is not in memory is taken for an empty one',
    edits: [
      edit(FOLD, 'if (batch.missing.length === 0) return', 'if (batch.missing.length >= 0) return'),
    ],
  },
  {
    name: 'tiles are evicted before the online store has acknowledged their last day',
    edits: [
      edit(
        BOUNDS,
        'Math.min(committed.finalDay + 1, oldestDirty, asOf)',
        'Math.min(Math.max(committed.closedDay, committed.finalDay) + 1, oldestDirty)',
      ),
    ],
  },
  {
    name: 'tiles are evicted that a slot still to be written needs',
    edits: [
      edit(
        BOUNDS,
        'Math.min(committed.finalDay + 1, oldestDirty, asOf)',
        'Math.min(committed.finalDay + 1, asOf)',
      ),
    ],
  },
  {
    name: 'event ids are forgotten while they can still come again',
    edits: [edit(BOUNDS, 'time.closedBy(horizonMs) + 1', 'time.closedBy(time.watermark) + 1')],
  },
  {
    name: 'ids of the batch at hand are not looked at',
    edits: [
      edit(
        'src/core/judge.ts',
        'const before = seen.get(id) ?? known.get(id)',
        'const before = known.get(id)',
      ),
    ],
  },
  {
    name: 'an id is remembered under the first of its days',
    edits: [
      edit(
        'src/core/judge.ts',
        'seen.set(id, before === undefined ? bucket : Math.max(before, bucket))',
        'seen.set(id, before === undefined ? bucket : before)',
      ),
    ],
  },
  {
    name: 'a changed definition is not refused',
    edits: [
      edit(
        'src/engine/open-generation.ts',
        'if (differences.length > 0) {',
        'if (differences.length > 99) {',
      ),
    ],
  },
]
