/**
 * The processes in which partitions of a replay are done, one per core where there is much to read, else one per two: partitions
 * have nothing in common. Each asks for no more than it is given; a partition goes to the one that has the fewest.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Log } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { PaceLimits } from '../replay/pace.ts'
import type { PartitionReplay } from '../replay/plan.ts'
import type { PartitionResult } from '../replay/records.ts'
import { runReplay } from '../replay/run.ts'
import type {
  PartitionRunner,
  PartitionWatch,
  ReplayOptions,
  ReplayParts,
} from '../replay/run-parts.ts'
import { errorOf } from './replay-worker-messages.ts'
import type { FromWorker, ToWorker, WorkerTask } from './replay-worker-messages.ts'

/** The same file as this one is of: built, or a source that is run as it is. */
const PROGRAM = new URL(
  `./replay-worker${path.extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
)

interface Work {
  readonly parts: ReplayParts
  readonly options: ReplayOptions
  readonly limits: PaceLimits
  readonly log: Log
}

/** Below so much a second process costs more than it gains. */
const RECORDS_MIN = 100_000
const BYTES_MIN = 16 * 2 ** 20

/** From so many times that on, counting in one process is what the threads that write its files wait for. */
const MUCH = 10
/** Up to there these threads keep a second core busy. */
const CORES_PER_WORKER = 2

/** Processes that pay off; 1: this one alone. */
export async function coresWorthwhile({ plan, source }: ReplayParts): Promise<number> {
  // Every process would read all of an archive's files.
  if (plan.source.kind === 'archive') return 1
  let share = 0
  for (const { partition, start, stop, records } of plan.partitions) {
    if (start.kind === 'live') {
      // Nothing is read; what has been read tells how large its state is.
      share += start.offset / RECORDS_MIN
    } else if (records !== undefined) {
      share += records / RECORDS_MIN
    } else {
      await using reader = await source.open(partition, start.offset)
      share += ((stop ?? (await reader.endOffset())) - start.offset) / BYTES_MIN
    }
  }
  return processesFor(share, availableParallelism())
}

/** @param share of what a second process needs at least to pay off */
export function processesFor(share: number, cores: number): number {
  if (share < 1) return 1
  return share < MUCH ? Math.max(1, Math.floor(cores / CORES_PER_WORKER)) : cores
}

/** @returns what `runReplay` does. @throws WORKER_LOST */
export async function runWithWorkers(
  count: number,
  { parts, options, limits, log }: Work,
): ReturnType<typeof runReplay> {
  if (count <= 1) return runReplay(parts, options)
  const { recordsPerSecond, ...others } = limits
  const pace =
    recordsPerSecond === undefined
      ? others
      : { ...others, recordsPerSecond: recordsPerSecond / count }
  const { pipeline, plan, run } = parts
  await using workers = new ReplayWorkers(count, { pipeline, replay: plan.id, run, pace }, log)
  return await runReplay(parts, options, workers.runner)
}

class ReplayWorkers implements AsyncDisposable {
  readonly #workers: readonly Worker[]

  /** They take over the priority of this process. */
  constructor(count: number, task: WorkerTask, log: Log) {
    this.#workers = Array.from({ length: count }, () => new Worker(task, log))
  }

  readonly runner: PartitionRunner = (replay, watch) => {
    const [first, ...others] = this.#workers
    if (first === undefined) throw new Error('there is a worker')
    const idlest = others.reduce((a, b) => (b.busy < a.busy ? b : a), first)
    return idlest.replay(replay, watch)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()))
  }
}

interface Waiting {
  readonly watch: PartitionWatch
  readonly done: (result: PartitionResult | undefined) => void
  readonly failed: (error: unknown) => void
}

class Worker implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #log: Log
  readonly #waiting = new Map<number, Waiting>()
  readonly #gone: Promise<unknown>
  #failure: Error | undefined

  constructor(task: WorkerTask, log: Log) {
    this.#log = log
    this.#child = fork(fileURLToPath(PROGRAM), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#gone = once(this.#child, 'exit')
    this.#child.on('message', (message: FromWorker) => this.#take(message))
    this.#child.on('error', (error) => this.#fail(error))
    this.#child.on('exit', (code, signal) => this.#fail(lost(signal ?? `exit code ${code}`)))
    this.#send({ kind: 'begin', task })
  }

  get busy(): number {
    return this.#waiting.size
  }

  replay({ partition }: PartitionReplay, watch: PartitionWatch): ReturnType<PartitionRunner> {
    if (this.#failure) return Promise.reject(this.#failure)
    const stop = (): void => this.#send({ kind: 'stop' })
    return new Promise<PartitionResult | undefined>((done, failed) => {
      this.#waiting.set(partition, { watch, done, failed })
      this.#send({ kind: 'replay', partition })
      watch.signal.addEventListener('abort', stop)
    }).finally(() => watch.signal.removeEventListener('abort', stop))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#send({ kind: 'end' })
    await this.#gone
  }

  #send(message: ToWorker): void {
    // A process that has just gone is told of by its exit.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #take(message: FromWorker): void {
    switch (message.kind) {
      case 'progress': {
        const { progress } = message
        this.#waiting.get(progress.partition)?.watch.onProgress?.(progress)
        return
      }
      case 'done': {
        const waiting = this.#waiting.get(message.partition)
        this.#waiting.delete(message.partition)
        waiting?.done(message.result)
        return
      }
      case 'failed':
        this.#fail(errorOf(message.failure))
        return
      case 'log':
        this.#log[message.level](message.fields, message.text)
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { failed } of this.#waiting.values()) failed(this.#failure)
    this.#waiting.clear()
  }
}

function lost(how: string): TidemarkError {
  return new TidemarkError(
    'WORKER_LOST',
    `a process of the replay is gone (${how}). What was committed is kept, and nothing was published. Run it again: it goes on from there; with --workers 1 it needs the least memory`,
  )
}
