/** A range of seeds, spread over processes. One that says nothing for too long is ended, and its seed is reported as hanging. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { addCounts, type Counts } from './coverage.ts'
import type { SeedResult } from './run-seed.ts'
import type { WorkerNote, WorkerOrder } from './worker.ts'

const SILENT_MAX_MS = 120_000
/** Then another one goes on: Node.js keeps what waits for a signal that nobody aborts, as members that were killed do. */
const SEEDS_PER_PROCESS = 1_000
/** Worlds are short-lived garbage: with more room for it, collecting costs a third. */
const NODE_OPTIONS = ['--import', import.meta.resolve('tsx'), '--max-semi-space-size=64']

export type Failure = Pick<SeedResult, 'seed' | 'problems'>

/** A long range tells what it finds when it finds it. */
export interface RangeWatch {
  onSeed?(done: number): void
  onFailure?(failure: Failure): void
}

export interface RangeResult {
  readonly seeds: number
  readonly failures: readonly Failure[]
  readonly counts: Counts
  readonly simulatedMs: number
}

export async function runRange(
  range: { readonly from: number; readonly seeds: number; readonly jobs: number },
  watch: RangeWatch = {},
): Promise<RangeResult> {
  const failures: Failure[] = []
  const counts: Counts = {}
  let seeds = 0
  let simulatedMs = 0
  const note = (result: Omit<SeedResult, 'lines'>): void => {
    seeds += 1
    simulatedMs += result.simulatedMs
    addCounts(counts, result.counts)
    if (result.problems.length > 0) failed(result)
    watch.onSeed?.(seeds)
  }
  const failed = (failure: Failure): void => {
    failures.push(failure)
    watch.onFailure?.(failure)
  }
  const fail = (seed: number, problem: string): void => failed({ seed, problems: [problem] })
  const to = range.from + range.seeds
  await Promise.all(
    Array.from({ length: Math.min(range.jobs, range.seeds) }, (_, job) =>
      runJob({ from: range.from + job, to, step: range.jobs }, note, fail),
    ),
  )
  failures.sort((a, b) => a.seed - b.seed)
  return { seeds, failures, counts, simulatedMs }
}

function runJob(
  order: WorkerOrder,
  note: (result: Omit<SeedResult, 'lines'>) => void,
  fail: (seed: number, problem: string) => void,
): Promise<void> {
  const path = join(import.meta.dirname, 'worker.ts')
  const stretch = { ...order, to: Math.min(order.to, order.from + SEEDS_PER_PROCESS * order.step) }
  const goOnAt = (from: number): Promise<void> | undefined =>
    from < order.to ? runJob({ ...order, from }, note, fail) : undefined
  return new Promise((resolve) => {
    const worker = fork(path, { execArgv: NODE_OPTIONS })
    let seed: number | undefined
    let hangs = false
    const end = (): void => {
      hangs = true
      worker.kill('SIGKILL')
    }
    let watchdog = setTimeout(end, SILENT_MAX_MS)
    worker.on('message', (message: WorkerNote) => {
      clearTimeout(watchdog)
      watchdog = setTimeout(end, SILENT_MAX_MS)
      seed = message.kind === 'begun' ? message.seed : undefined
      if (message.kind === 'done') note(message.result)
    })
    worker.on('exit', (code) => {
      clearTimeout(watchdog)
      const why = hangs
        ? 'hangs: no step of the world ends'
        : `its process ended with ${code ?? 'a signal'}`
      if (seed === undefined && code === 0) resolve(goOnAt(stretch.to))
      else {
        const failed = seed ?? order.from
        fail(failed, why)
        resolve(goOnAt(failed + order.step))
      }
    })
    worker.send(stretch)
  })
}
