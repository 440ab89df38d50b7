/**
 * A process that does partitions of a replay for `tidemark replay run`, with parts of its own, so that each core has one. It goes when
 * the process that began it goes: what was committed is kept, and the next run goes on from there.
 */
import process from 'node:process'
import type { Log } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { Pace } from '../replay/pace.ts'
import { partitionRunner } from '../replay/run-partition.ts'
import type { ReplayPlan } from '../replay/plan.ts'
import type { PartitionRunner } from '../replay/run-parts.ts'
import { OpenedParts } from './compose.ts'
import { leaveAtOnce } from './leave.ts'
import { openReplayRun } from './open-replay-run.ts'
import { openReplays } from './open-replays.ts'
import { failureOf } from './replay-worker-messages.ts'
import type { FromWorker, LogLevel, ToWorker, WorkerTask } from './replay-worker-messages.ts'
import { systemClock } from './system-clock.ts'

/** Where work was going on that has failed, closing may wait for it for ever. */
const CLOSING_MAX_MS = 5_000

interface Begun {
  readonly plan: ReplayPlan
  readonly runner: PartitionRunner
}

class ReplayWorker {
  readonly #opened = new OpenedParts()
  readonly #stop = new AbortController()
  #begun: Promise<Begun> | undefined

  take(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'begin':
        this.#begun = this.#begin(message.task)
        return this.#begun.then(() => undefined)
      case 'replay':
        return this.#replay(message.partition)
      case 'stop':
        this.#stop.abort()
        return Promise.resolve()
      case 'end':
        setTimeout(leaveAtOnce, CLOSING_MAX_MS)
        return this.#opened[Symbol.asyncDispose]().then(leaveAtOnce)
    }
  }

  async #begin({ pipeline, replay, run, pace }: WorkerTask): Promise<Begun> {
    const surroundings = { clock: systemClock, log: LOG }
    const replays = await openReplays(pipeline, this.#opened, surroundings)
    const { plan } = await replays.replays.get(replay)
    const parts = await openReplayRun(replays, plan, this.#opened, surroundings)
    const runner = await partitionRunner({ ...parts, run }, new Pace(systemClock, pace))
    return { plan, runner }
  }

  async #replay(partition: number): Promise<void> {
    const begun = await this.#begun
    const planned = begun?.plan.partitions.find((each) => each.partition === partition)
    invariant(begun && planned, 'a worker is told which replay it works for, and of its partitions')
    const result = await begun.runner(planned, {
      signal: this.#stop.signal,
      onProgress: (progress) => tell({ kind: 'progress', progress }),
    })
    tell({ kind: 'done', partition, result })
  }
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

/** Its lines stand among those of the process that began it. */
const LOG: Log = {
  debug: lines('debug'),
  info: lines('info'),
  warn: lines('warn'),
  error: lines('error'),
}

function lines(level: LogLevel): (fields: object, text: string) => void {
  return (fields, text) => tell({ kind: 'log', level, fields, text })
}

const worker = new ReplayWorker()
process.on('message', (message: ToWorker) => {
  worker
    .take(message)
    .catch((error: unknown) => tell({ kind: 'failed', failure: failureOf(error) }))
})
// Ctrl-C reaches all processes of a terminal: the one that began this one decides what becomes of it.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined)
process.on('disconnect', leaveAtOnce)
