/** A question to the person at the terminal, before something that others will notice. */
import process from 'node:process'
import { createInterface } from 'node:readline/promises'
import { TidemarkError } from '../errors.ts'
import type { Call } from './command.ts'

/** @throws USAGE where nobody is there to be asked, and the command line did not say yes */
export async function confirm(
  { terminal }: Pick<Call<unknown>, 'terminal'>,
  question: string,
  { yes }: { readonly yes: boolean },
): Promise<boolean> {
  if (yes) return true
  if (!terminal.isTerminal || !process.stdin.isTTY)
    throw new TidemarkError('USAGE', `${question} Nobody is here to be asked: say --yes`)
  terminal.clear()
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}
