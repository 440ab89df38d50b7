/**
 * What all commands have in common: options, help with an example, and what an action is handed.
 *
 * A command's file says what it is called and what it answers; how an error is told, where output goes and which exit code
 * comes of it is decided here, once.
 */
import process from 'node:process'
import { Command, InvalidArgumentError } from 'commander'
import type { Pipeline } from '../core/definition.ts'
import { loadPipeline } from '../definition/load.ts'
import type { Clock, Log } from '../engine/ports.ts'
import { exitCodeOf, failureData, failureText } from './failure.ts'
import { listenForInterrupt } from './interrupt.ts'
import type { Interrupt } from './interrupt.ts'
import { leaveAtOnce } from './leave.ts'
import { createLog } from './logger.ts'
import { createOutput } from './output.ts'
import type { Output } from './output.ts'
import { findPipelineFile } from './pipeline-file.ts'
import { createMask } from './secrets.ts'
import type { Mask } from './secrets.ts'
import { systemClock } from './system-clock.ts'
import { createTerminal, startProgress } from './terminal.ts'
import type { Progress, Terminal } from './terminal.ts'

interface CommonOptions {
  readonly json?: true
  readonly debug?: true
  readonly file?: string
}

export interface Call<Options> {
  readonly options: Options & CommonOptions
  readonly json: boolean
  readonly out: Output
  readonly log: Log
  readonly clock: Clock
  readonly terminal: Terminal
  readonly mask: Mask
  /** Name of the pipeline file, as `-f` or the working directory has it. @throws USAGE */
  pipelineFile(): string
  /** @throws USAGE, DEFINITION_INVALID */
  readonly pipeline: () => Promise<Pipeline>
  /** A remark for the person, on stderr. */
  readonly tell: (text: string) => void
  progress(title: string): Progress
  interrupt(): Interrupt
  /** The answer stands on stdout, and it is a bad one. */
  fail(code: 1 | 2): void
}

export interface CommandText {
  readonly summary: string
  readonly description?: string
  /** Command lines with what they do. */
  readonly examples: readonly (readonly [line: string, what: string])[]
}

/** A command with the common options. */
export function defineCommand(name: string, text: CommandText): Command {
  return new Command(name)
    .summary(text.summary)
    .description(text.description ?? text.summary)
    .option('--json', 'answer with one JSON document, and tell errors as JSON')
    .option('--debug', 'log details, and show the stack of every error')
    .addHelpText('after', exampleText(text.examples))
}

/** The same for one that works on a pipeline. */
export function definePipelineCommand(name: string, text: CommandText): Command {
  return defineCommand(name, text).option(
    '-f, --file <file>',
    'pipeline file (default: the only one in the working directory)',
  )
}

function exampleText(examples: CommandText['examples']): string {
  const lines = examples.map(([line, what]) => `  $ ${line}\n      ${what}`)
  return `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${lines.join('\n')}`
}

/** Of an option that counts something. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('Expected a whole number from 1.')
  return Number(text)
}

/** Of an option that names a partition. */
export function partitionNumber(text: string): number {
  if (!/^(0|[1-9]\d{0,5})$/.test(text))
    throw new InvalidArgumentError('Expected the number of a partition, from 0.')
  return Number(text)
}

export interface ActionStyle {
  /** Logs what it does: a program that runs for long. Its failure is a line of the log, too. */
  readonly logs?: boolean
}

type Run<Options, Args extends readonly unknown[]> = (
  call: Call<Options>,
  ...args: Args
) => Promise<void>

/** Makes an action of `run`: its arguments as typed by the command, then its failure told and turned into an exit code. */
export function action<Options, Args extends readonly unknown[] = readonly []>(
  run: Run<Options, Args>,
  { logs = false }: ActionStyle = {},
): (this: Command, ...args: unknown[]) => Promise<void> {
  return async function (this: Command) {
    const call = createCall<Options>(this.opts(), logs)
    try {
      await run(call, ...(this.processedArgs as unknown as Args))
    } catch (error) {
      process.exitCode = exitCodeOf(error)
      tellFailure(call, error, logs)
    }
  }
}

function createCall<Options>(options: Options & CommonOptions, logs: boolean): Call<Options> {
  const terminal = createTerminal(process.stderr)
  const mask = createMask(process.env)
  const level = options.debug === true ? 'debug' : logs ? 'info' : 'warn'
  const log = createLog(terminal, mask, level)
  const tell = (text: string): void => {
    if (logs) log.info({}, text)
    else terminal.write(`${mask(text)}\n`)
  }
  const pipelineFile = (): string => findPipelineFile(options.file, process.cwd())
  return {
    options,
    json: options.json === true,
    out: createOutput((text) => void process.stdout.write(text)),
    log,
    clock: systemClock,
    terminal,
    mask,
    pipelineFile,
    pipeline: () => loadPipeline(pipelineFile()),
    tell,
    progress: (title) => startProgress(title, { terminal, clock: systemClock, tell }),
    interrupt: () => listenForInterrupt({ tell, leave: leaveAtOnce }),
    fail: (code) => {
      process.exitCode = code
    },
  }
}

function tellFailure(call: Call<unknown>, error: unknown, logs: boolean): void {
  const { json, log, mask, terminal, options } = call
  const debug = options.debug === true
  terminal.clear()
  // Whoever collects JSON logs finds the last line in the same form.
  if (logs && !json && !terminal.isTerminal) {
    const { message, ...data } = failureData(error, debug)
    log.error(data, message)
  } else {
    terminal.write(failureText(error, { json, debug, mask }))
  }
}
