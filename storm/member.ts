/** A process of `tidemark run` in a storm: what it says goes to a file, how it ends is compared with what it was told to do. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { run } from '../servers/command.ts'
import { forget, watch } from '../servers/watchdog.ts'
import { builtCli } from '../test/support/built-cli.ts'
import { complaints } from './log-check.ts'

export interface MemberCommand {
  readonly name: string
  /** Of its log, and of what Node reports of it. */
  readonly logs: string
  readonly pipelineFile: string
  readonly environment: Readonly<Record<string, string>>
  /** Where its metrics are. */
  readonly port: number
  /** To the end of the log, then it stops. */
  readonly untilEnd?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Told where a clean stop takes too long (docs/operate.md); then it leaves at once, which is as safe as a crash. */
const LEFT_BY_FORCE = 'leaving; the next start goes on from the last commit'

export class Member {
  readonly name: string
  readonly port: number
  readonly log: string
  readonly exit: Promise<Exit>
  readonly #command: MemberCommand
  readonly #child: ChildProcess
  #exited: Exit | undefined
  #isToldToEnd = false
  #sleeps = false
  #mayFail = false

  constructor(command: MemberCommand) {
    this.#command = command
    this.name = command.name
    this.port = command.port
    this.log = path.join(command.logs, `${command.name}.log`)
    this.#child = this.#spawn()
    this.exit = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#exited = { code, signal }
        if (this.#child.pid !== undefined) forget(this.#child.pid)
        resolve(this.#exited)
      })
    })
  }

  get runs(): boolean {
    return this.#exited === undefined
  }

  /** It can be asked how it is. */
  get answers(): boolean {
    return this.runs && !this.#sleeps
  }

  /** It ended, and nobody had told it to. */
  get endedByItself(): boolean {
    return !this.runs && !this.#isToldToEnd
  }

  get output(): string {
    return readFileSync(this.log, 'utf8')
  }

  async kill(): Promise<void> {
    this.#isToldToEnd = true
    this.#child.kill('SIGKILL')
    await this.exit
  }

  /** SIGTERM. @throws where it ends in another way than was promised */
  async leave(): Promise<void> {
    this.#isToldToEnd = true
    this.#child.kill('SIGTERM')
    const { code, signal } = await this.exit
    const isForced = signal === 'SIGKILL' && this.output.includes(LEFT_BY_FORCE)
    // Before it listens for signals it has done nothing yet.
    const wasStarting = signal === 'SIGTERM' && this.output === ''
    if (code !== 0 && !isForced && !wasStarting) {
      throw new Error(
        `${this.name} was told to stop, and ended with ${code ?? signal}: ${this.log}`,
      )
    }
  }

  /** From now on it may end by itself, well. */
  mayEnd(): void {
    this.#isToldToEnd = true
  }

  /** From now on it may end by itself, with a message. */
  mayStop(): void {
    this.#isToldToEnd = true
    this.#mayFail = true
  }

  /** What only a bug makes it say, or what it says at a failure that nobody allowed it. */
  get complaints(): string[] {
    return complaints(this.output, { mayFail: this.#mayFail })
  }

  /** To so many more than it has open now; undefined: as many as it could at first. */
  async limitOpenFiles(more: number | undefined): Promise<void> {
    const pid = String(this.#child.pid)
    const open = readdirSync(`/proc/${pid}/fd`).length
    const limit = more === undefined ? 'unlimited' : String(open + more)
    const [, hard = ''] =
      /(\d+)\s*$/.exec(await run('prlimit', '--pid', pid, '--nofile', '-o', 'HARD')) ?? []
    await run('prlimit', '--pid', pid, `--nofile=${limit === 'unlimited' ? hard : limit}:`)
  }

  sleep(): void {
    this.#sleeps = true
    this.#child.kill('SIGSTOP')
  }

  wake(): void {
    this.#child.kill('SIGCONT')
    this.#sleeps = false
  }

  /** Where its threads are, as Node writes it: a file beside the log. */
  report(): void {
    this.#child.kill('SIGUSR2')
  }

  /** Its metrics, as they are scraped. */
  async metrics(): Promise<string> {
    const signal = AbortSignal.timeout(2_000)
    const answer = await fetch(`http://127.0.0.1:${this.port}/metrics`, { signal })
    return answer.text()
  }

  #spawn(): ChildProcess {
    const { logs, pipelineFile, environment, untilEnd = false } = this.#command
    const output = openSync(this.log, 'w')
    const node = [
      process.execPath,
      ...[
        '--max-semi-space-size=16',
        '--trace-warnings',
        '--report-on-signal',
        `--report-directory=${logs}`,
      ],
      ...[`--report-filename=${this.name}.report.json`, builtCli()],
      ...['run', '-f', pipelineFile, ...(untilEnd ? ['--until-end'] : [])],
    ]
    const [command = '', ...args] = node
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    if (child.pid !== undefined) watch(child.pid)
    return child
  }
}
