/** Bugs in checkpoints of states and in what is restored from them. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const STORE = 'src/checkpoint/checkpoint-store.ts'

export const CHECKPOINT_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'the files of a checkpoint are restored without a look at their digests',
    edits: [
      edit(
        STORE,
        'if (found?.length === bytes && digestOf(found) === digest) return found',
        'if (found?.length === bytes && digest !== found.join()) return found',
      ),
    ],
  },
  {
    name: 'a damaged checkpoint is no reason to take the one before it',
    edits: [
      edit(
        'src/engine/restore.ts',
        "if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error",
        "if (!(error instanceof TidemarkError) || error.code === 'CHECKPOINT_DAMAGED') throw error",
      ),
    ],
  },
  {
    name: 'a restored state is read on where the one before it stood',
    edits: [
      edit(
        'src/engine/open-partition.ts',
        'const reader = await openReader(parts, assignment, head.nextOffset)',
        'const told = (await parts.online?.marker(partition).catch(() => undefined))?.position ?? 0\n' +
          '  const reader = await openReader(parts, assignment, Math.max(told, head.nextOffset))',
      ),
    ],
  },
]
