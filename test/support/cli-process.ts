/** The command line as a user has it: a process of its own in a directory of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { builtCli } from './built-cli.ts'

/** Seconds, and what a machine that is busy makes of them. */
const SAYS_WITHIN_MS = 120_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** All of stderr, once it holds the text; rejects when the process ends before, or says nothing of it for long. */
  readonly says: (text: string) => Promise<string>
  readonly ended: Promise<Ended>
}

export class CliDirectory implements Disposable {
  readonly directory: string

  constructor() {
    this.directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-cli-'))
  }

  path(...parts: string[]): string {
    return path.join(this.directory, ...parts)
  }

  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Started {
    return startCli(this.directory, args, environment)
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(args).ended
  }

  /** What a command that comes to a good end answers with `--json`. */
  async json<T = unknown>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    if (code !== 0) throw new Error(`tidemark ${args.join(' ')} ended with ${code}:\n${stderr}`)
    return JSON.parse(stdout) as T
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export function startCli(
  directory: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Started {
  const child = spawn(process.execPath, [builtCli(), ...args], {
    cwd: directory,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const ended = once(child, 'close').then(([code]) => {
    return { code: code as number | null, stdout, stderr }
  })
  const says = async (text: string): Promise<string> => {
    const over = ended.then(() => {
      if (!stderr.includes(text)) throw new Error(`ended without saying ${text}:\n${stderr}`)
    })
    const patient = performance.now() + SAYS_WITHIN_MS
    while (!stderr.includes(text)) {
      if (performance.now() > patient) throw new Error(`did not say ${text}:\n${stderr}`)
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 50))])
    }
    return stderr
  }
  return { child, says, ended }
}
