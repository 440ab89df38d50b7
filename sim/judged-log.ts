/**
 * What the log says of its records by the amendments of each generation: what is dropped was never there, what is accepted counts
 * at the close of its day. Judged once for all that ask.
 */
import type { Pipeline } from '../src/core/definition.ts'
import type { Amendment } from '../src/core/generation.ts'
import { judgePartition, type OraclePartition } from '../test/support/judge-oracle.ts'
import type { RawPartition, RawRecord } from '../test/support/raw-record.ts'

export class JudgedLog {
  readonly #pipeline: Pipeline
  readonly #log: readonly RawPartition[]
  readonly #amendmentsOf: (generation: number) => readonly Amendment[]
  readonly #byGeneration = new Map<number, readonly OraclePartition[]>()
  readonly #byAmendments = new Map<string, readonly OraclePartition[]>()

  constructor(
    pipeline: Pipeline,
    log: readonly RawPartition[],
    amendmentsOf: (generation: number) => readonly Amendment[],
  ) {
    this.#pipeline = pipeline
    this.#log = log
    this.#amendmentsOf = amendmentsOf
  }

  /** By partition. */
  of(generation: number): readonly OraclePartition[] {
    const known = this.#byGeneration.get(generation)
    if (known !== undefined) return known
    const amendments = this.#amendmentsOf(generation)
    const name = JSON.stringify(amendments)
    const judged = this.#byAmendments.get(name) ?? this.#judge(amendments)
    this.#byAmendments.set(name, judged)
    this.#byGeneration.set(generation, judged)
    return judged
  }

  /** Of all generations up to this one, those that judge otherwise each once; this one's is the last. */
  upTo(newest: number): readonly (readonly OraclePartition[])[] {
    const all = Array.from({ length: newest }, (_, i) => this.of(i + 1))
    return [...new Set(all.reverse())].reverse()
  }

  #judge(amendments: readonly Amendment[]): readonly OraclePartition[] {
    return this.#log.map((part) => {
      const own = amendments.filter(({ partition }) => partition === part.partition)
      return judgePartition(this.#pipeline, own.length === 0 ? part : amended(part, own))
    })
  }
}

function amended(part: RawPartition, own: readonly Amendment[]): RawPartition {
  const recordAt = (at: number): RawRecord[] => part.records.filter(({ offset }) => offset === at)
  return {
    ...part,
    dropped: own.filter(({ kind }) => kind === 'drop').map(({ offset }) => offset),
    accepted: own.filter(({ kind }) => kind === 'accept').flatMap(({ offset }) => recordAt(offset)),
  }
}
