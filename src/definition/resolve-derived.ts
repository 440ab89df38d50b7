/**
 * `derived` of a view -> parsed expressions with their columns. Bare names stand for one window at a time: one column per
 * window that all of them have. Names with a window of their own (`clicks_7d`) are fixed.
 */
import { checkExpression } from '../core/expression-check.ts'
import { parseExpression } from '../core/expression-parser.ts'
import { expressionType, namesOf } from '../core/expression.ts'
import type { Expression, ExpressionProblem, ExpressionType } from '../core/expression.ts'
import type { DerivedDefinition, FeatureDefinition } from '../core/definition.ts'
import { suggestion } from './nearest.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { ResolvedFeatures } from './resolve-features.ts'
import type { ViewFile } from './schema.ts'

type DerivedFile = NonNullable<ViewFile['derived']>[string]

/** What a name in an expression is. */
interface Meaning {
  readonly feature: FeatureDefinition | undefined
  /** Undefined: the feature's declaration is wrong, nothing follows from it. */
  readonly type: ExpressionType | undefined
  readonly isBare: boolean
}

interface Scope {
  readonly report: Report
  readonly features: ResolvedFeatures
  readonly derivedNames: readonly string[]
}

export function resolveDerived(
  file: ViewFile,
  path: Path,
  features: ResolvedFeatures,
  report: Report,
): DerivedDefinition[] {
  // Which columns there are depends on the windows: where those are wrong, nothing can be said of expressions.
  if (report.isBroken([...path, 'windows'])) return []
  const derived = Object.entries(file.derived ?? {})
  const scope = { report, features, derivedNames: derived.map(([name]) => name) }
  return derived.flatMap(([name, each]) => {
    const at = [...path, 'derived', name]
    return resolveOne(name, each, at, scope) ?? []
  })
}

function resolveOne(
  name: string,
  file: DerivedFile,
  path: Path,
  scope: Scope,
): DerivedDefinition | undefined {
  const isShort = typeof file === 'string'
  const text = isShort ? file : file.expression
  const description = isShort ? undefined : file.description
  const at = isShort ? path : [...path, 'expression']
  const parsed = parseExpression(text)
  if (parsed.kind === 'refused') {
    scope.report.add(at, told(parsed.problem))
    return undefined
  }
  const { expression } = parsed
  const meanings = meaningsOf(expression, scope)
  const type = typeOf(expression, at, meanings, scope)
  if (type === undefined) return undefined
  const windows = commonWindows(meanings, at, scope.report)
  const columns =
    windows === undefined
      ? [{ name }]
      : windows.map((window) => ({ name: `${name}_${window}d`, window }))
  return {
    name,
    text,
    expression,
    columns,
    type: type === 'number' ? 'double' : type,
    ...(description !== undefined && { description }),
  }
}

function told({ at, message }: ExpressionProblem): string {
  return `${message} (character ${at} of the expression)`
}

function meaningsOf(expression: Expression, { features }: Scope): Map<string, Meaning> {
  const meanings = new Map<string, Meaning>()
  for (const name of namesOf(expression)) {
    const meaning = meaningOf(name, features)
    if (meaning !== undefined) meanings.set(name, meaning)
  }
  return meanings
}

function meaningOf(name: string, { features, types }: ResolvedFeatures): Meaning | undefined {
  const columnType = (feature: string): ExpressionType | undefined => {
    const type = types.get(feature)
    return type && expressionType(type)
  }
  const [, stem = '', days = ''] = /^(.+)_(\d+)d$/.exec(name) ?? []
  const suffixed = features.find((each) => each.name === stem)
  if (suffixed?.windows.includes(Number(days))) {
    return { feature: suffixed, type: columnType(stem), isBare: false }
  }
  const bare = features.find((each) => each.name === name)
  if (bare !== undefined) return { feature: bare, type: columnType(name), isBare: true }
  const isUnreadable = (feature: string): boolean =>
    types.has(feature) && !features.some((each) => each.name === feature)
  return isUnreadable(name) || isUnreadable(stem)
    ? { feature: undefined, type: undefined, isBare: false }
    : undefined
}

/** Undefined after a report, or where a feature that the expression uses is wrong itself. */
function typeOf(
  expression: Expression,
  path: Path,
  meanings: ReadonlyMap<string, Meaning>,
  scope: Scope,
): ExpressionType | undefined {
  const isSound = [...meanings.values()].every(({ type }) => type !== undefined)
  const checked = checkExpression(expression, (name) => {
    const meaning = meanings.get(name)
    return meaning === undefined ? undefined : (meaning.type ?? 'number')
  })
  for (const problem of checked.problems) {
    if (problem.unknownName !== undefined)
      scope.report.add(path, unknownName(problem.unknownName, scope))
    else if (isSound) scope.report.add(path, told(problem))
  }
  if (checked.type === undefined || !isSound) return undefined
  if (meanings.size > 0) return checked.type
  scope.report.add(path, 'expected the name of a feature in the expression, found none')
  return undefined
}

function unknownName(name: string, { features, derivedNames }: Scope): string {
  const isDerived = derivedNames.some(
    (each) => name === each || name.replace(/_\d+d$/, '') === each,
  )
  if (isDerived)
    return `expected a feature, found the derived \`${name}\`: derived features read features only`
  const [, stem = '', days = ''] = /^(.+)_(\d+)d$/.exec(name) ?? []
  const feature = features.features.find((each) => each.name === stem)
  if (feature !== undefined) {
    const known = feature.windows.map((each) => `\`${stem}_${each}d\``).join(', ')
    return `expected a window of \`${stem}\`, found \`${days}d\`; there are ${known}`
  }
  const columns = features.features.flatMap((each) =>
    each.windows.map((days) => `${each.name}_${days}d`),
  )
  const names = [...features.types.keys()]
  const hint = suggestion(name, /_\d+d$/.test(name) ? columns : names)
  return `expected a feature of the view, found \`${name}\`${hint}`
}

/** Ascending; undefined where no name is bare. */
function commonWindows(
  meanings: ReadonlyMap<string, Meaning>,
  path: Path,
  report: Report,
): readonly number[] | undefined {
  const bare = [...meanings].filter(([, { isBare }]) => isBare)
  if (bare.length === 0) return undefined
  const [first = [], ...others] = bare.map(([, { feature }]) => feature?.windows ?? [])
  const common = first.filter((days) => others.every((windows) => windows.includes(days)))
  if (common.length === 0) {
    const names = bare.map(([name]) => `\`${name}\``).join(' and ')
    report.add(path, `expected a window that all bare names have, found none common to ${names}`)
  }
  return common
}
