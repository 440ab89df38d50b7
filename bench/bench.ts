/** What a benchmark is: cases that are measured one by one, each in a process of its own, with a limit beside them. */
import type { Measured } from './measure.ts'

export interface BenchOptions {
  readonly events: number
}

export interface BenchCase {
  readonly name: string
  /** The same work by the least that could do it: what no engine can beat. */
  readonly isLimit?: true
  readonly run: (options: BenchOptions) => Promise<Measured>
}

export interface Bench {
  readonly about: string
  /** What is counted: `events`, `rows`. */
  readonly unit: string
  readonly events: number
  readonly cases: readonly BenchCase[]
}
