/**
 * How a command ends that could not do its work. What an operator can meet is told in its own words with its code and no
 * stack; anything else is a bug of ours, told with the stack and where to report it.
 *
 *     0 done    1 failed    2 the command line or a definition is wrong
 */
import { TidemarkError } from '../errors.ts'
import { jsonText } from './output.ts'
import type { Mask } from './secrets.ts'

export interface FailureStyle {
  readonly json: boolean
  /** Stacks of known failures, too. */
  readonly debug: boolean
  readonly mask: Mask
}

export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof TidemarkError ? error.exitCode : 1
}

/** For stderr, with its line end. */
export function failureText(error: unknown, { json, debug, mask }: FailureStyle): string {
  if (json) return `${mask(jsonText({ error: failureData(error, debug) }, 0))}\n`
  if (error instanceof TidemarkError) {
    return `${mask(`error: ${debug ? (error.stack ?? error.message) : error.message}`)}\n`
  }
  return `${mask(`this is a bug in Tidemark, please report it with the lines below:\n${stackOf(error)}`)}\n`
}

export interface FailureData {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean
  readonly details?: Readonly<Record<string, unknown>>
  readonly stack?: string
}

/** For `--json`, and for the log line of a run that failed. */
export function failureData(error: unknown, debug: boolean): FailureData {
  if (!(error instanceof TidemarkError)) {
    return { code: 'BUG', message: messageOf(error), stack: stackOf(error) }
  }
  const { code, message, retryable, details } = error
  return { code, message, retryable, details, ...(debug && { stack: stackOf(error) }) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
