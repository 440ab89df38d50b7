/** What no process may ever say, whatever is done to it: only a bug makes it say so. */

const FORBIDDEN = [
  /invariant broken/,
  /this is a bug in Tidemark/,
  /unhandled/i,
  /unreachable:/,
  /MaxListenersExceededWarning/,
  /^\(node:\d+\)/,
  /JavaScript heap out of memory/,
]

/** Said by a run that stops. */
const FAILED = /"level":"(error|fatal)"/

export function complaints(output: string, { mayFail }: { readonly mayFail: boolean }): string[] {
  const forbidden = mayFail ? FORBIDDEN : [...FORBIDDEN, FAILED]
  return output.split('\n').filter((line) => forbidden.some((pattern) => pattern.test(line)))
}
