/** `tidemark init`: a commented pipeline file that runs, with a few records to run it on. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { createCalendar } from '../../core/day.ts'
import { initFiles } from '../../definition/template.ts'
import { TidemarkError } from '../../errors.ts'
import { action, defineCommand } from '../command.ts'
import type { Call } from '../command.ts'
import type { Output } from '../output.ts'

interface InitCommandOptions {
  readonly name?: string
  readonly force?: true
}

export function initCommand(): Command {
  return defineCommand('init', {
    summary: 'write a pipeline file to start from',
    description:
      'Writes a commented pipeline file and a few records, so that everything can be tried at once. ' +
      'Files that exist are left alone unless --force is given.',
    examples: [
      ['tidemark init', 'writes into the working directory'],
      ['tidemark init shop', 'makes the directory shop and writes there'],
    ],
  })
    .argument('[directory]', 'where to write', '.')
    .option('--name <name>', 'of the pipeline (default: shop)')
    .option('--force', 'replace files that exist')
    .action(
      action<InitCommandOptions, [directory: string]>(async (call, directory) => {
        const written = writeFiles(call, directory)
        if (call.json) call.out.json({ written })
        else printNext(call.out, directory, written)
      }),
    )
}

/** @throws USAGE where a file exists already; then nothing is written. */
function writeFiles({ options, clock }: Call<InitCommandOptions>, directory: string): string[] {
  const endDay = createCalendar('UTC').dayOf(clock.wallMs()) - 1
  const { name, force } = options
  checkName(name)
  const files = initFiles({ endDay, ...(name !== undefined && { name }) }).map((file) => {
    return { place: path.join(directory, file.path), content: file.content }
  })
  const present = files.map(({ place }) => place).filter((place) => existsSync(place))
  if (present.length > 0 && force !== true) {
    throw new TidemarkError(
      'USAGE',
      `init: ${present.join(', ')} exists already, so nothing was written. Name another directory, or replace it with --force`,
    )
  }
  for (const { place, content } of files) {
    mkdirSync(path.dirname(place), { recursive: true })
    writeFileSync(place, content)
  }
  return files.map(({ place }) => place)
}

function checkName(name: string | undefined): void {
  if (name === undefined || /^[a-z][a-z0-9_]*$/.test(name)) return
  throw new TidemarkError(
    'USAGE',
    `init --name: expected lower-case letters, digits and _ after a first letter, received ${JSON.stringify(name)}`,
  )
}

function printNext(out: Output, directory: string, written: readonly string[]): void {
  for (const place of written) out.line(`wrote ${place}`)
  out.line('\nNext:')
  if (directory !== '.') out.line(`  cd ${directory}`)
  out.line('  tidemark validate           checks the file')
  out.line('  tidemark preview            folds the last records, commits nothing')
  out.line('  tidemark run --until-end    the whole log into features')
  out.line('  tidemark status             where it stands')
}
