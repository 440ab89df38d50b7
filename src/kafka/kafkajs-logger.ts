/**
 * What kafkajs says, as debug lines of ours: it calls errors what it will retry, and what an operator must know is said by
 * those who know what it means for the run.
 */
import { logLevel } from 'kafkajs'
import type { logCreator, Logger } from 'kafkajs'
import loggers from 'kafkajs/src/loggers/index.js'
import type { Log } from '../engine/ports.ts'

const DROPPED = new Set(['message', 'timestamp', 'logger', 'stack'])

export function kafkajsLogger(log: Log): Logger {
  return loggers.createLogger({ level: logLevel.INFO, logCreator: kafkajsLogCreator(log) })
}

function kafkajsLogCreator(log: Log): logCreator {
  return () =>
    ({ namespace, log: entry }) => {
      const fields = Object.entries(entry).filter(([name]) => !DROPPED.has(name))
      log.debug({ kafkajs: namespace, ...Object.fromEntries(fields) }, entry.message)
    }
}
