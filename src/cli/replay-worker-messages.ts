/** What a replay and the processes that work for it tell each other. */
import type { Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { PaceLimits } from '../replay/pace.ts'
import type { PartitionResult } from '../replay/records.ts'
import type { PartitionReplayProgress } from '../replay/run-parts.ts'

/** The first message: what all work of this process is for. */
export interface WorkerTask {
  /** As it was read, with all variables filled in: the file may change meanwhile. */
  readonly pipeline: Pipeline
  readonly replay: string
  /** Id of the run, the same in all processes. */
  readonly run: string
  /** Its share. */
  readonly pace: PaceLimits
}

export type ToWorker =
  | { readonly kind: 'begin'; readonly task: WorkerTask }
  | { readonly kind: 'replay'; readonly partition: number }
  /** Of all partitions; each is answered with `done`, without a result. */
  | { readonly kind: 'stop' }
  /** Nothing more is to be done. */
  | { readonly kind: 'end' }

export type FromWorker =
  | { readonly kind: 'progress'; readonly progress: PartitionReplayProgress }
  | {
      readonly kind: 'done'
      readonly partition: number
      /** Undefined: it was stopped before its end. */
      readonly result: PartitionResult | undefined
    }
  /** Of the whole process: nothing more will come of it. */
  | { readonly kind: 'failed'; readonly failure: WorkerFailure }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly fields: object
      readonly text: string
    }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** An error, in a form that comes through. */
export interface WorkerFailure {
  /** Undefined: a bug. */
  readonly code: ErrorCode | undefined
  readonly message: string
  readonly stack: string | undefined
  readonly details: Readonly<Record<string, unknown>>
}

export function failureOf(error: unknown): WorkerFailure {
  if (!(error instanceof Error))
    return { code: undefined, message: String(error), stack: undefined, details: {} }
  const { message, stack } = error
  if (!(error instanceof TidemarkError)) return { code: undefined, message, stack, details: {} }
  const { code, details } = error
  return { code, message: message.slice(0, -` [${code}]`.length), stack, details }
}

export function errorOf({ code, message, stack, details }: WorkerFailure): Error {
  const error =
    code === undefined ? new Error(message) : new TidemarkError(code, message, { details })
  if (stack !== undefined) error.stack = stack
  return error
}
