/**
 * The text of a pipeline file as a plain value that still knows where each part stands and how it was written.
 *
 * Variables are put in per scalar, after parsing: a value cannot bring structure with it. An unquoted scalar gets its
 * type (number, true/false) from the text with its variables in; a quoted one stays a text.
 */
import { LineCounter, Scalar, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml'
import type { Document, Node, Pair } from 'yaml'
import { interpolate } from './interpolate.ts'
import type { Environment, Interpolated } from './interpolate.ts'
import { formatPath } from './problem.ts'
import type { Path, Problem } from './problem.ts'
import { isSecret } from './secret.ts'

export interface PipelineDocument {
  /** Maps, lists, strings, booleans, null, numbers; integers beyond 2^53 as bigint. */
  readonly value: unknown
  /** Mistakes of YAML and of variables, before the meaning of anything is looked at. */
  readonly problems: readonly { readonly path: Path; readonly problem: Problem }[]
  problem(path: Path, message: string, part?: 'key' | 'value'): Problem
  /** The text of a scalar with its variables in: digits that a number does not hold are still there. */
  textAt(path: Path): string | undefined
  /** How the scalar was written, where it has variables; their values are nobody's business. */
  writtenAt(path: Path): string | undefined
}

interface Reading {
  readonly document: Document
  readonly lines: LineCounter
  readonly interpolated: ReadonlyMap<Scalar, Interpolated & { readonly written: string }>
  readonly secrets: readonly { readonly name: string; readonly value: string }[]
}

export function readDocument(text: string, environment: Environment): PipelineDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
  const interpolated = putVariablesIn(document, environment)
  const secrets = [...interpolated.values()].flatMap(({ values }) => values)
  const reading = { document, lines, interpolated, secrets }
  const problem = (path: Path, message: string, part: 'key' | 'value' = 'value'): Problem => ({
    path: formatPath(path),
    ...placeOf(reading, path, part),
    message: withoutSecrets(reading, path, message),
  })
  const syntax = [
    ...document.errors.map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0])
      return { path: [], problem: { path: '', line, column: col, message: `not YAML: ${message}` } }
    }),
    ...lostAliases(document, lines),
  ]
  return {
    value: syntax.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 }),
    problems: [...syntax, ...variableProblems(reading)],
    problem,
    textAt: (path) => scalarAt(document, path)?.source,
    writtenAt: (path) => interpolated.get(scalarAt(document, path) ?? new Scalar(''))?.written,
  }
}

/** Not its name: it may be a password that begins with `*`. */
function lostAliases(document: Document, lines: LineCounter): PipelineDocument['problems'] {
  const found: { path: Path; problem: Problem }[] = []
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return
      const message =
        'not YAML: this refers to an anchor that is not there; a text that begins with * is written in quotes'
      found.push({ path: [], problem: { path: '', ...placeOfNode(lines, node), message } })
    },
  })
  return found
}

function putVariablesIn(document: Document, environment: Environment): Reading['interpolated'] {
  const found = new Map<Scalar, Interpolated & { written: string }>()
  visit(document, {
    Scalar(key, node) {
      if (typeof node.value === 'string' && key !== 'key') {
        const written = node.value
        const result = interpolate(written, environment)
        if (result !== undefined) {
          found.set(node, { ...result, written })
          node.value = node.type === Scalar.PLAIN ? plainValue(result.text) : result.text
          node.source = result.text
        }
      }
      if (typeof node.value === 'number') node.value = exactInteger(node.value, node.source)
    },
  })
  return found
}

/** The scalar that a text is in YAML; a text that would be anything else stays a text. */
function plainValue(text: string): unknown {
  const { contents, errors } = parseDocument(text)
  return errors.length === 0 && isScalar(contents) && contents.type === Scalar.PLAIN
    ? contents.value
    : text
}

function exactInteger(value: number, source: string | undefined): number | bigint {
  const isLargeInteger = Number.isInteger(value) && !Number.isSafeInteger(value)
  return isLargeInteger && /^[-+]?\d+$/.test(source ?? '') ? BigInt(source ?? '') : value
}

function variableProblems(reading: Reading): PipelineDocument['problems'] {
  const found: { path: Path; problem: Problem }[] = []
  visit(reading.document, {
    Scalar(key, node, ancestors) {
      for (const message of reading.interpolated.get(node)?.problems ?? []) {
        const path = pathOf(key, ancestors)
        const place = placeOfNode(reading.lines, node)
        const shown = isSecret(path) ? message.replace(/, found `.*`$/s, '') : message
        found.push({ path, problem: { path: formatPath(path), ...place, message: shown } })
      }
    },
  })
  return found
}

function pathOf(key: number | 'key' | 'value' | null, ancestors: readonly unknown[]): Path {
  const path: (string | number)[] = []
  ancestors.forEach((ancestor, index) => {
    const below = ancestors[index + 1]
    if (isSeq(ancestor))
      path.push(below === undefined ? Number(key) : ancestor.items.indexOf(below))
    else if (isMap(ancestor)) path.push(keyText(below as Pair))
  })
  return path
}

function keyText({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key)
}

/** The node at `path`; with `part` 'key' the key that leads to it. Undefined where a merge or nothing stands there. */
function nodeAt(document: Document, path: Path, part: 'key' | 'value'): Node | undefined {
  let node = resolved(document, document.contents)
  for (const [depth, step] of path.entries()) {
    const pair: Pair | undefined = isMap(node)
      ? node.items.find((each) => keyText(each) === String(step))
      : undefined
    if (pair !== undefined && part === 'key' && depth === path.length - 1) return pair.key as Node
    const below = isSeq(node) ? node.items[Number(step)] : pair?.value
    node = resolved(document, below)
    if (node === undefined) return undefined
  }
  return node
}

function resolved(document: Document, node: unknown): Node | undefined {
  const target = isAlias(node) ? node.resolve(document) : node
  return isScalar(target) || isMap(target) || isSeq(target) ? target : undefined
}

function scalarAt(document: Document, path: Path): Scalar | undefined {
  const node = nodeAt(document, path, 'value')
  return isScalar(node) ? node : undefined
}

/** Of the part itself, else of the key of the nearest part around it that is in the file. */
function placeOf(
  { document, lines }: Reading,
  path: Path,
  part: 'key' | 'value',
): { line: number; column: number } | undefined {
  const node = nodeAt(document, path, part)
  if (node !== undefined) return placeOfNode(lines, node)
  for (let length = path.length; length > 0; length--) {
    const key = nodeAt(document, path.slice(0, length), 'key')
    if (key !== undefined) return placeOfNode(lines, key)
  }
  return undefined
}

function placeOfNode(lines: LineCounter, node: Node): { line: number; column: number } | undefined {
  if (!node.range) return undefined
  const { line, col } = lines.linePos(node.range[0])
  return { line, column: col }
}

/** Short values are hidden only where they stand: elsewhere they would be found in ordinary words. */
const SECRET_LENGTH_MIN = 4

function withoutSecrets(
  { document, interpolated, secrets }: Reading,
  path: Path,
  message: string,
): string {
  const scalar = scalarAt(document, path)
  const own = scalar === undefined ? [] : (interpolated.get(scalar)?.values ?? [])
  const hidden = [...own, ...secrets.filter(({ value }) => value.length >= SECRET_LENGTH_MIN)]
  return hidden.reduce(
    (text, { name, value }) => (value === '' ? text : text.replaceAll(value, `\${${name}}`)),
    message,
  )
}
