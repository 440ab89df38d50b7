/** Which pipeline file a command works on: the one that is named, else the single one in the working directory. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { TidemarkError } from '../errors.ts'

const NAMES = ['tidemark.yaml', 'tidemark.yml', 'pipeline.yaml', 'pipeline.yml']
const SUFFIX = /\.pipeline\.ya?ml$/

/** @throws USAGE where there is none, or more than one to choose from */
export function findPipelineFile(named: string | undefined, directory: string): string {
  if (named !== undefined) return named
  const found = readdirSync(directory).filter((name) => NAMES.includes(name) || SUFFIX.test(name))
  const [only] = found
  if (only !== undefined && found.length === 1) return displayed(directory, only)
  throw new TidemarkError(
    'USAGE',
    found.length === 0
      ? `there is no pipeline file in ${directory}: expected tidemark.yaml, pipeline.yaml or one *.pipeline.yaml. ` +
          'Name it with -f FILE, or write one with `tidemark init`'
      : `there are ${found.length} pipeline files in ${directory} (${found.sort().join(', ')}). Say which one with -f FILE`,
  )
}

/** The short name in messages, where it means the same file. */
function displayed(directory: string, name: string): string {
  return existsSync(name) && path.resolve(name) === path.join(path.resolve(directory), name)
    ? name
    : path.join(directory, name)
}
