/**
 * Leaving at once, whatever is under way.
 *
 * `process.exit` waits for native threads: a table's file that DuckDB is writing waits for rows from a loop that turns no
 * more, so the process would hang for ever. Killing it is safe: what counts was synced before (docs/exactly-once.md).
 */
import process from 'node:process'

/** What was said before is written: a terminal, a file and a pipe are written at once. */
export function leaveAtOnce(): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal is delivered before another line runs; should it ever not be, nothing may go on.
  throw new Error('the process is being killed')
}
