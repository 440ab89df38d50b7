/**
 * The log on stderr: JSON lines for whatever collects them, readable ones on a terminal. Every line passes the mask.
 */
import pino from 'pino'
import pretty from 'pino-pretty'
import type { Log } from '../engine/ports.ts'
import { REDACTED_FIELDS } from './secrets.ts'
import type { Mask } from './secrets.ts'

export interface LogTarget {
  /** Whole lines, already masked. */
  write(line: string): void
  readonly isTerminal: boolean
}

export function createLog(target: LogTarget, mask: Mask, level: 'debug' | 'info' | 'warn'): Log {
  const masked = { write: (line: string) => target.write(mask(line)) }
  const destination = target.isTerminal ? readable(masked) : masked
  return pino(
    {
      level,
      base: null,
      redact: { paths: [...REDACTED_FIELDS], censor: '***' },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  )
}

/** Formats where it is written: a thread would lose the last lines before an exit. */
function readable(target: { write(line: string): void }): pino.DestinationStream {
  const format = pretty.prettyFactory({
    colorize: false,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,run',
    singleLine: true,
  })
  return { write: (line) => target.write(format(line)) }
}
