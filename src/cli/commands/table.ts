/** `tidemark table`: what the tables hold, and their upkeep. Everything works beside a run. */
import { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { compactTables, exportView, vacuumTables } from '../table-upkeep.ts'
import type { ExportOptions, VacuumOptions } from '../table-upkeep.ts'
import { listTables, showTable } from '../view-tables.ts'
import type { ShowOptions } from '../view-tables.ts'

export function tableCommand(): Command {
  const group = new Command('table')
    .summary('list, show, compact, vacuum and export the tables')
    .description(
      'What the Delta tables of the pipeline hold, and their upkeep. All of it works beside a run.',
    )
  for (const command of [list(), show(), compact(), vacuum(), exportTo()]) group.addCommand(command)
  return group
}

function list(): Command {
  return definePipelineCommand('list', {
    summary: 'all tables with their complete day, rows, files and bytes',
    examples: [['tidemark table list', 'tables of rows, and of tiles (`__tiles`)']],
  }).action(action((call) => listTables(call)))
}

function show(): Command {
  return definePipelineCommand('show', {
    summary: 'one table: version, days, columns',
    examples: [['tidemark table show user_activity', 'the newest version of its rows']],
  })
    .argument('<view>', 'name of a view, or name@version')
    .option('--tiles', 'the table of its tiles instead of its rows')
    .option('--at <version>', 'an older version of the table')
    .action(action<ShowOptions, [view: string]>((call, view) => showTable(call, view)))
}

function compact(): Command {
  return definePipelineCommand('compact', {
    summary: 'merge the files of final days',
    description:
      'Merges the slot files of each final day and partition into one. A day is final when no record can come into it any more; ' +
      'rows do not change, and readers notice nothing.',
    examples: [['tidemark table compact', 'all tables of the pipeline']],
  })
    .argument('[view]', 'name of a view; all of them by default')
    .action(action<object, [view: string | undefined]>((call, view) => compactTables(call, view)))
}

function vacuum(): Command {
  return definePipelineCommand('vacuum', {
    summary: 'delete files that no reader needs any more',
    description:
      'Deletes files that were replaced longer ago than the grace time, and old pieces of the log; time travel ends there, and a replay can no ' +
      'longer be taken back. Waits for a publish or rollback that has not come to its end.',
    examples: [['tidemark table vacuum --grace 7d', 'readers may be a week old']],
  })
    .argument('[view]', 'name of a view; all of them by default')
    .option('--grace <duration>', 'how old a running reader may be, at least 1m', '7d')
    .option('--keep-log <duration>', 'how far back time travel goes', '30d')
    .action(
      action<VacuumOptions, [view: string | undefined]>((call, view) => vacuumTables(call, view)),
    )
}

function exportTo(): Command {
  return definePipelineCommand('export', {
    summary: 'write the final days of a view as plain Parquet',
    description:
      'For programs that only glob: a directory of hive-partitioned Parquet files with the final days, each whole or not at all. ' +
      'Days that are there already are kept, so it can be repeated.',
    examples: [['tidemark table export user_activity --to ./export', 'ds=YYYY-MM-DD/*.parquet']],
  })
    .argument('<view>', 'name of a view, or name@version')
    .requiredOption('--to <directory>', 'where to; nothing else may be in it')
    .action(action<ExportOptions, [view: string]>((call, view) => exportView(call, view)))
}
