/**
 * Mistakes in a pipeline file, as data: where each stands in the file, and what was expected there.
 *
 * All mistakes of a file are told at once, in the order of the file, as one DEFINITION_INVALID.
 */
import { TidemarkError } from '../errors.ts'

/** Keys and list indexes from the top of the file. */
export type Path = readonly (string | number)[]

export interface Problem {
  /** `views.user_activity.features.spend.sum`, `views.user_activity.windows[1]`; empty: the file as a whole. */
  readonly path: string
  /** From 1; undefined where the mistake has no place in the text. */
  readonly line?: number
  readonly column?: number
  /** What was expected and what was found. */
  readonly message: string
}

export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/** Whether `path` is `ancestor` or lies below it. */
export function isWithin(path: Path, ancestor: Path): boolean {
  return ancestor.length <= path.length && ancestor.every((part, index) => path[index] === part)
}

export function definitionInvalid(file: string, problems: readonly Problem[]): TidemarkError {
  const mistakes = problems.length === 1 ? '1 mistake' : `${problems.length} mistakes`
  const lines = problems.map((problem) => `  ${formatProblem(file, problem)}`)
  return new TidemarkError(
    'DEFINITION_INVALID',
    `${file} has ${mistakes}:\n${lines.join('\n')}\n`,
    {
      details: { file, problems },
    },
  )
}

export function formatProblem(file: string, { path, line, column, message }: Problem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`
  return path === '' ? `${place}: ${message}` : `${place} ${path}: ${message}`
}

/** Top to bottom; what has no place comes first. */
export function inFileOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  )
}
