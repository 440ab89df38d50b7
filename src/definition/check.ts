/**
 * The shapes of a pipeline file: every mistake that the schema finds, in words, and the file without the mistaken parts, so
 * that what its other parts ask of each other is checked in the same run.
 */
import type * as z from 'zod'
import type { PipelineDocument } from './document.ts'
import { suggestion } from './nearest.ts'
import type { Path, Problem } from './problem.ts'
import { pipelineSchema } from './schema.ts'
import type { PipelineFile } from './schema.ts'
import { HIDDEN, isSecret, shownText, withoutUser } from './secret.ts'

export interface CheckedFile {
  /** Undefined where too little is left to look at. */
  readonly file: PipelineFile | undefined
  readonly problems: readonly Problem[]
  /** Parts that are wrong and were left out, or stand empty in `file`: nothing more is to be said about them. */
  readonly broken: readonly Path[]
}

interface Mistake {
  readonly path: Path
  readonly part: 'key' | 'value'
  readonly message: string
}

type Issue = z.core.$ZodIssue
type JsonObject = Record<string, unknown>

export function checkFile(document: PipelineDocument): CheckedFile {
  const broken: Path[] = document.problems.map(({ path }) => path)
  if (document.value === undefined && broken.length > 0)
    return { file: undefined, problems: [], broken }
  const value: unknown = structuredClone(document.value)
  for (const path of broken) repair(value, path)
  const first = parse(value)
  const mistakes = first.success ? [] : first.error.issues.flatMap(toMistakes(document, value))
  const told = mistakes.filter(({ path }) => !broken.some((each) => isSame(each, path)))
  broken.push(...mistakes.map(({ path }) => path))
  return {
    file: first.success ? first.data : parseRest(document, value, mistakes),
    problems: told.map(({ path, part, message }) => document.problem(path, message, part)),
    broken,
  }
}

/** What a mistake leaves can lack something again: each round takes out more, up to the part around it. */
function parseRest(
  document: PipelineDocument,
  value: unknown,
  mistakes: readonly Mistake[],
): PipelineFile | undefined {
  let wrong = mistakes
  for (let depth = 0; depth < 6; depth++) {
    for (const { path } of wrong) repair(value, path.slice(0, Math.max(path.length - depth, 1)))
    const result = parse(value)
    if (result.success) return result.data
    wrong = result.error.issues.flatMap(toMistakes(document, value))
  }
  return undefined
}

/** The error map hands the known keys on, as one text: an issue itself names only the unknown ones. */
function parse(value: unknown): z.ZodSafeParseResult<PipelineFile> {
  return pipelineSchema.safeParse(value, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return ''
      const { inst } = issue as { inst?: { def?: { shape?: object; innerType?: unknown } } }
      return Object.keys(inst?.def?.shape ?? {}).join(' ')
    },
  })
}

/** Stand-ins for parts that the rest can be looked at without. */
const EMPTY: Readonly<Record<string, unknown>> = {
  name: 'unnamed',
  source: { key: ['_'], event: { time: { field: '_' } } },
  key: ['_'],
  event: { time: { field: '_' } },
  views: {},
  entity: ['_'],
  windows: ['1d'],
  features: {},
}

function repair(root: unknown, path: Path): void {
  const key = path.at(-1)
  const holder = at(root, path.slice(0, -1))
  if (key === undefined || !isObject(holder)) return
  if (Array.isArray(holder)) {
    // An item of a list is emptied rather than removed: the paths of those behind it stay what they are.
    const items: unknown[] = holder
    items[Number(key)] = items.find((_, index) => index !== key)
    return
  }
  Reflect.deleteProperty(holder, key)
  if (typeof key === 'string' && key in EMPTY && isRequiredAt(path)) {
    holder[key] = structuredClone(EMPTY[key])
  }
}

/** Top-level parts, those of `source` and those of a view; elsewhere the same word is a name that a user chose. */
function isRequiredAt(path: Path): boolean {
  if (path.length === 1) return true
  return (path.length === 2 && path[0] === 'source') || (path.length === 3 && path[0] === 'views')
}

function toMistakes(document: PipelineDocument, root: unknown): (issue: Issue) => Mistake[] {
  return (issue) => mistakesOf(issue, [], { document, root })
}

interface Reading {
  readonly document: PipelineDocument
  readonly root: unknown
}

function mistakesOf(issue: Issue, base: Path, reading: Reading): Mistake[] {
  const path = [...base, ...(issue.path as (string | number)[])]
  const found = at(reading.root, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = issue.message.split(' ').filter((each) => each !== '')
        const message = `unknown key \`${key}\`${suggestion(key, known)}`
        return { path: [...path, key], part: 'key', message }
      })
    case 'invalid_key': {
      const rule = issue.issues[0]?.message ?? 'a name'
      const hint = path.at(-2) === 'fields' ? fieldNameHint(String(path.at(-1))) : ''
      return [
        { path, part: 'key', message: `expected ${rule}, found \`${String(path.at(-1))}\`${hint}` },
      ]
    }
    case 'invalid_union':
      return unionMistakes(issue, path, reading)
    default: {
      const expected = issue.message === '' ? genericRule(issue) : issue.message
      const near =
        issue.code === 'invalid_value' && typeof found === 'string'
          ? nearOption(found, issue.values)
          : ''
      return [{ path, part: 'value', message: expectation(reading, path, expected) + near }]
    }
  }
}

function fieldNameHint(key: string): string {
  if (/^\d+\)$/.test(key))
    return '; it belongs to the type before it: inside { } write that in quotes'
  return '; for a field of another name write `my_name: { path: "theName", type: string }`'
}

/** The mistakes of the one form that was begun (a mapping, a list, a text); else what all forms are. */
function unionMistakes(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
  reading: Reading,
): Mistake[] {
  const begun = issue.errors.filter((issues) => !isOfAnotherKind(issues))
  const [form] = begun
  const found = at(reading.root, path)
  if (begun.length === 1 && form !== undefined && typeof found !== 'string') {
    return form.flatMap((each) => mistakesOf(each, path, reading))
  }
  const [first] = form ?? []
  const near =
    typeof found === 'string' && first?.code === 'invalid_value'
      ? nearOption(found, first.values)
      : ''
  // The rule of all forms names the form begun, unless that says more: an option near it goes with the rule of all.
  const rule = first === undefined || first.code === 'invalid_value' ? issue.message : first.message
  return [
    { path, part: 'value', message: expectation(reading, path, rule || issue.message) + near },
  ]
}

function isOfAnotherKind(issues: readonly Issue[]): boolean {
  return issues.some(
    (each) =>
      each.path.length === 0 &&
      (each.code === 'invalid_type' ||
        (each.code === 'invalid_union' && each.errors.every(isOfAnotherKind))),
  )
}

function expectation({ document, root }: Reading, path: Path, expected: string): string {
  const found = at(root, path)
  if (found === undefined) return `missing; expected ${expected}`
  return `expected ${expected}, found ${showValue(document, path, found)}`
}

function genericRule(issue: Issue): string {
  if (issue.code !== 'invalid_type') return 'another value'
  switch (issue.expected) {
    case 'object':
    case 'record':
      return 'a mapping'
    case 'array':
      return 'a list'
    default:
      return `a ${issue.expected}`
  }
}

function nearOption(found: string, options: readonly unknown[]): string {
  const words = options.filter((option) => typeof option === 'string')
  const text = suggestion(found, words)
  return text.includes('did you mean') ? text : ''
}

/** As it was written: with the names of variables, never their values. */
export function showValue(document: PipelineDocument, path: Path, value: unknown): string {
  if (isSecret(path) && isScalar(value)) return HIDDEN
  const written = document.writtenAt(path)
  if (written !== undefined) return `\`${withoutUser(written)}\``
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return shownText(value)
  return document.textAt(path) ?? (isScalar(value) ? String(value) : '?')
}

function isScalar(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

function at(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (isObject(value) ? value[String(key)] : undefined),
    root,
  )
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null
}

function isSame(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index])
}
