/**
 * Where the parts of the resolver put the mistakes that they find. Nothing is said about a part that is known to be wrong
 * already, or about what stands around it: one mistake, one message.
 */
import { showValue } from './check.ts'
import type { PipelineDocument } from './document.ts'
import { isWithin } from './problem.ts'
import type { Path, Problem } from './problem.ts'

export interface Report {
  readonly problems: readonly Problem[]
  add(path: Path, message: string, part?: 'key' | 'value'): void
  /** The part itself, or something in it, could not be read. */
  isBroken(path: Path): boolean
  /** A value as it was written, for a message. */
  show(path: Path, value: unknown): string
  /** The digits of a number as they were written. */
  textAt(path: Path): string | undefined
  /** Names under a mapping of the file, those of unreadable entries included. */
  namesAt(path: Path): readonly string[]
}

export function createReport(document: PipelineDocument, broken: readonly Path[]): Report {
  const problems: Problem[] = []
  return {
    problems,
    add(path, message, part = 'value') {
      if (broken.some((each) => isWithin(each, path) || isWithin(path, each))) return
      problems.push(document.problem(path, message, part))
    },
    isBroken: (path) => broken.some((each) => isWithin(each, path) || isWithin(path, each)),
    show: (path, value) => showValue(document, path, value),
    textAt: (path) => document.textAt(path),
    namesAt(path) {
      const found = path.reduce<unknown>(
        (value, key) => (value as Record<string, unknown> | null | undefined)?.[String(key)],
        document.value,
      )
      return typeof found === 'object' && found !== null ? Object.keys(found) : []
    },
  }
}
