/**
 * A server as a child process: started and waited for until it is ready, stopped, killed, paused, started again on the
 * same data. Its output goes to a file, whose end is in the error when it does not come up. It has a session of its
 * own, so that Ctrl-C reaches only the program that started it, which then stops things in its order.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { forget, watch } from './watchdog.ts'

const READY_WITHIN_MS = 60_000
const STOPPED_WITHIN_MS = 20_000
const POLL_MS = 25
const LOG_LINES_TOLD = 20

export interface ServerCommand {
  /** As errors call it. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
  /** File of its output; each start begins it anew. */
  readonly log: string
  /** Asked again and again until it says yes. */
  readonly ready: (log: string) => boolean | Promise<boolean>
}

/** What a test may do to a server. Each resolves when it has happened. */
export interface ServerNode {
  readonly log: string
  readonly pid: number | undefined
  /** Starts it again on the data that it has; nothing where it runs. */
  start(): Promise<void>
  /** Ends it in good order. */
  stop(): Promise<void>
  /** SIGKILL: a crash. */
  kill(): Promise<void>
  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(): void
  resume(): void
}

export class ServerProcess implements ServerNode {
  readonly #command: ServerCommand
  #child: ChildProcess | undefined

  constructor(command: ServerCommand) {
    this.#command = command
  }

  get log(): string {
    return this.#command.log
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return
    const { name, ready } = this.#command
    const child = this.#spawn()
    const deadlineMs = performance.now() + READY_WITHIN_MS
    while (!(await ready(this.#output()))) {
      if (!this.#runs(child)) throw new Error(`${name} ended at its start:\n${this.lastLines()}`)
      if (performance.now() > deadlineMs) {
        await this.kill()
        throw new Error(`${name} was not ready in time:\n${this.lastLines()}`)
      }
      await sleep(POLL_MS)
    }
  }

  async stop(): Promise<void> {
    this.resume()
    await this.#end('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Resolves when it has ended, by whatever reason. */
  async ended(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.ref()
    await once(child, 'exit')
  }

  /** What it said last. */
  lastLines(): string {
    return this.#output().trimEnd().split('\n').slice(-LOG_LINES_TOLD).join('\n')
  }

  #spawn(): ChildProcess {
    const { name, command, args, directory, environment, log } = this.#command
    mkdirSync(path.dirname(log), { recursive: true })
    const output = openSync(log, 'w')
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...environment },
      ...(directory === undefined ? {} : { cwd: directory }),
    })
    closeSync(output)
    // It holds nobody back: who forgets to stop it ends, and the watchdog ends it.
    child.unref()
    this.#child = child
    const { pid } = child
    if (pid !== undefined) watch(pid)
    const over = (): void => {
      if (pid !== undefined) forget(pid)
      if (this.#child === child) this.#child = undefined
    }
    child.once('exit', over)
    child.once('error', (error) => {
      over()
      process.stderr.write(`${name} did not start: ${error.message}\n`)
    })
    return child
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const exit = once(child, 'exit')
    child.ref()
    child.kill(signal)
    const patience = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS)
    await exit
    clearTimeout(patience)
  }

  #runs(child: ChildProcess): boolean {
    return this.#child === child
  }

  #output(): string {
    return readFileSync(this.log, 'utf8')
  }
}
