/** `tidemark init`: a commented pipeline file that runs, with a few records to run it on. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { createCalendar } from '../../core/day.ts'
import { withoutUser } from '../../definition/secret.ts'
import { DEFAULT_PIPELINE_FILE, initFiles } from '../../definition/template.ts'
import type { InitOptions } from '../../definition/template.ts'
import { TidemarkError } from '../../errors.ts'
import { action, defineCommand } from '../command.ts'
import type { Call } from '../command.ts'

interface InitCommandOptions {
  readonly name?: string
  readonly kafka?: string
  readonly topic?: string
  readonly redis?: string
  readonly force?: true
}

export function initCommand(): Command {
  return defineCommand('init', {
    summary: 'write a pipeline file to start from',
    description:
      'Writes a commented pipeline file and a few records, so that everything can be tried at once; with --kafka ' +
      'a file that reads a topic, whose fields you then name. ' +
      'Files that exist are left alone unless --force is given.',
    examples: [
      ['tidemark init', 'writes into the working directory'],
      ['tidemark init shop', 'makes the directory shop and writes there'],
      [
        'tidemark init --kafka 127.0.0.1:9092 --topic shop.events --redis redis://127.0.0.1:6379',
        'reads a topic and serves from Redis',
      ],
    ],
  })
    .argument('[directory]', 'where to write', '.')
    .option('--name <name>', 'of the pipeline (default: shop)')
    .option('--kafka <brokers>', 'read a topic of these brokers (host:port, ...) instead of files')
    .option('--topic <topic>', 'with --kafka: the topic (default: the name and .events)')
    .option('--redis <url>', 'serve from this Redis instead of an embedded store')
    .option('--force', 'replace files that exist')
    .action(
      action<InitCommandOptions, [directory: string]>(async (call, directory) => {
        const written = writeFiles(call, directory)
        if (call.json) call.out.json({ written })
        else printNext(call, directory, written)
      }),
    )
}

/** @throws USAGE where a file exists already; then nothing is written. */
function writeFiles({ options, clock }: Call<InitCommandOptions>, directory: string): string[] {
  const endDay = createCalendar('UTC').dayOf(clock.wallMs()) - 1
  const { force } = options
  const files = initFiles({ endDay, ...checkedOptions(options) }).map((file) => {
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

/** @throws USAGE */
function checkedOptions({
  name,
  kafka,
  topic,
  redis,
}: InitCommandOptions): Omit<InitOptions, 'endDay'> {
  check('name', name, /^[a-z][a-z0-9_]*$/, 'lower-case letters, digits and _ after a first letter')
  check('kafka', kafka, VARIABLE_OR_ADDRESSES, 'HOST:PORT, several separated by commas')
  check('topic', topic, /^[A-Za-z0-9._-]+$/, 'the name of a topic')
  if (topic !== undefined && kafka === undefined) {
    throw new TidemarkError('USAGE', 'init --topic: expected --kafka BROKERS beside it')
  }
  if (redis !== undefined && !VARIABLE_OR_REDIS.test(redis)) {
    throw new TidemarkError(
      'USAGE',
      "init --redis: expected redis://HOST:PORT without a password, which does not belong into the file: keep such a URL in a variable and write --redis '${REDIS_URL}'",
    )
  }
  return {
    ...(name !== undefined && { name }),
    ...(kafka !== undefined && {
      kafka: { brokers: kafka, ...(topic !== undefined && { topic }) },
    }),
    ...(redis !== undefined && { redis }),
  }
}

const VARIABLE_OR_ADDRESSES = /^(\$\{\w+\}|[^\s:/@,"{}]+:\d{1,5}(\s*,\s*[^\s:/@,"{}]+:\d{1,5})*)$/
const VARIABLE_OR_REDIS = /^(\$\{\w+\}|rediss?:\/\/[^\s@"{}]+)$/

function check(option: string, given: string | undefined, rule: RegExp, expected: string): void {
  if (given === undefined || rule.test(given)) return
  const message = `init --${option}: expected ${expected}, received ${JSON.stringify(withoutUser(given))}`
  throw new TidemarkError('USAGE', message)
}

function printNext(
  { out, options }: Call<InitCommandOptions>,
  directory: string,
  written: readonly string[],
): void {
  for (const place of written) out.line(`wrote ${place}`)
  out.line('\nNext:')
  if (directory !== '.') out.line(`  cd ${directory}`)
  if (options.kafka !== undefined) {
    out.line(
      `  edit ${DEFAULT_PIPELINE_FILE}          name the fields of your events and the views`,
    )
  }
  out.line('  tidemark validate           checks the file')
  if (options.kafka !== undefined) {
    out.line(
      '  tidemark doctor             looks at the topic, its keys, the servers and the places',
    )
  }
  out.line('  tidemark preview            folds the last records, commits nothing')
  if (options.kafka === undefined) {
    out.line('  tidemark run --until-end    the whole log into features')
  } else {
    out.line('  tidemark run                the topic into features, and on as it grows')
  }
  out.line('  tidemark status             where it stands')
}
