/** Runs a program to its end and gives its output; its error output is in the error when it fails. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const OUTPUT_BYTES_MAX = 64 << 20

export async function run(command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { maxBuffer: OUTPUT_BYTES_MAX })
    return stdout
  } catch (error) {
    const { code, stdout, stderr, message } = error as Error & {
      readonly code?: unknown
      readonly stdout?: string
      readonly stderr?: string
    }
    if (code === 'ENOENT') {
      throw new Error(`${command} was not found; \`npm test\` installs what tests need`, {
        cause: code,
      })
    }
    const told = `${stdout ?? ''}${stderr ?? ''}`.trim()
    throw new Error(`${command} failed: ${told === '' ? message : told}`, { cause: code })
  }
}
