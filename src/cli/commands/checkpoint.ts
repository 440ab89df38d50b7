/** `tidemark checkpoint`: copies of the state that outlive this machine. */
import { Command } from 'commander'
import { createCheckpoints, restoreCheckpoint } from '../checkpoint-move.ts'
import type { RestoreOptions } from '../checkpoint-move.ts'
import { listCheckpoints, pruneCheckpoints, verifyCheckpoints } from '../checkpoint-upkeep.ts'
import type { PartitionOption, VerifyOptions } from '../checkpoint-upkeep.ts'
import { action, definePipelineCommand, partitionNumber } from '../command.ts'

export function checkpointCommand(): Command {
  const group = new Command('checkpoint')
    .summary('list, create, verify, restore and prune checkpoints')
    .description(
      'Copies of the state of each partition, in the place that `checkpoints.store` names. A run makes and restores them by ' +
        'itself; these are for looking, for moving, and for mending.',
    )
  for (const command of [list(), create(), verify(), restore(), prune()]) group.addCommand(command)
  return group
}

function ofPartition(command: Command): Command {
  return command.option('--partition <number>', 'only this one; all by default', partitionNumber)
}

function list(): Command {
  return ofPartition(
    definePipelineCommand('list', {
      summary: 'all checkpoints, the newest of each partition first',
      description:
        'All checkpoints that can be restored, the newest of each partition first: its offset, age and size, and what it added to the store.',
      examples: [['tidemark checkpoint list --partition 3', 'those of one partition']],
    }),
  ).action(action<PartitionOption>((call) => listCheckpoints(call)))
}

function create(): Command {
  return ofPartition(
    definePipelineCommand('create', {
      summary: 'make a checkpoint of the state on this machine now',
      description:
        'Of what is committed, also beside a run, which does not notice. Only what no earlier checkpoint holds is stored.',
      examples: [['tidemark checkpoint create', 'before this machine is taken away']],
    }),
  ).action(action<PartitionOption>((call) => createCheckpoints(call)))
}

function verify(): Command {
  return ofPartition(
    definePipelineCommand('verify', {
      summary: 'read every file of every checkpoint and compare it with its SHA-256',
      description:
        'Reads every file, each once however many checkpoints share it, and compares its length and SHA-256. Exit code 1 where one is damaged.',
      examples: [
        ['tidemark checkpoint verify', 'all of them'],
        [
          'tidemark checkpoint verify --discard',
          'give up what is damaged, so that the next ones are whole',
        ],
      ],
    }),
  )
    .option('--id <id>', 'only this one')
    .option('--discard', 'give the damaged ones up')
    .action(action<VerifyOptions>((call) => verifyCheckpoints(call)))
}

function restore(): Command {
  return definePipelineCommand('restore', {
    summary: 'make a checkpoint the state of a partition on this machine',
    description:
      'Replaces the state of one partition whole, or not at all; refused while a run holds it. The newest checkpoint that is whole, ' +
      'or the one that --id names. The next run reads the log on from there.',
    examples: [
      ['tidemark checkpoint restore --partition 3', 'the newest one'],
      [
        'tidemark checkpoint restore --partition 3 --force --keep-old',
        'in place of a state that is newer, which is kept aside',
      ],
    ],
  })
    .requiredOption('--partition <number>', 'whose state', partitionNumber)
    .option('--id <id>', 'as `tidemark checkpoint list` shows it; the newest by default')
    .option('--force', 'also in place of a state that is newer than the checkpoint')
    .option('--keep-old', 'keep the state that is replaced beside the new one')
    .action(action<RestoreOptions>((call) => restoreCheckpoint(call)))
}

function prune(): Command {
  return ofPartition(
    definePipelineCommand('prune', {
      summary: 'delete what `checkpoints.keep` and `keepFor` no longer keep',
      description:
        'What a run does after each checkpoint, for pipelines that do not run. Safe beside runs. Files are deleted an hour after the last ' +
        'checkpoint that names them was given up.',
      examples: [
        ['tidemark checkpoint prune --json', 'what was given up and deleted, for machines'],
      ],
    }),
  ).action(action<PartitionOption>((call) => pruneCheckpoints(call)))
}
