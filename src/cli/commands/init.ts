/** `tidemark init`: a commented pipeline file that runs, with a few records to run it on. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { initFiles } from '../../definition/init.ts'
import { TidemarkError } from '../../errors.ts'
import { action, defineCommand } from '../command.ts'

interface InitOptions {
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
    .option('--force', 'replace files that exist')
    .action(
      action<InitOptions, [directory: string]>(async ({ options, json, out }, directory) => {
        const files = Object.entries(initFiles()).map(([name, text]) => {
          return { file: path.join(directory, name), text }
        })
        const present = files.filter(({ file }) => existsSync(file)).map(({ file }) => file)
        if (present.length > 0 && options.force !== true) {
          throw new TidemarkError(
            'USAGE',
            `init: ${present.join(', ')} exists already and nothing was written. Name another directory, or replace it with --force`,
          )
        }
        for (const { file, text } of files) {
          mkdirSync(path.dirname(file), { recursive: true })
          writeFileSync(file, text)
        }
        if (json) return out.json({ written: files.map(({ file }) => file) })
        for (const { file } of files) out.line(`wrote ${file}`)
        out.line(`\nNext:${directory === '.' ? '' : `\n  cd ${directory}`}
  tidemark validate            checks the file
  tidemark preview             folds the last records, commits nothing
  tidemark run --until-end     the whole log into features
  tidemark status              where it stands`)
      }),
    )
}
