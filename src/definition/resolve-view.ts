/** `views.<name>` of the file -> a view: its parts looked up, its columns told apart, its definition hashed. */
import type {
  Condition,
  DerivedDefinition,
  FeatureDefinition,
  FieldDefinition,
  ViewDefinition,
} from '../core/definition.ts'
import { DAY_MS } from '../core/day.ts'
import { typeName } from '../core/value.ts'
import type { Value } from '../core/value.ts'
import { resolveCondition } from './condition.ts'
import { hashView } from './hash.ts'
import { convertLiteral } from './literal.ts'
import { suggestion } from './nearest.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import { resolveDerived } from './resolve-derived.ts'
import { resolveGates } from './resolve-gates.ts'
import type { KnownColumns, OwnedColumn } from './resolve-gates.ts'
import { resolveFeatures, sortedWindows } from './resolve-features.ts'
import type { ResolvedFeatures, ViewSurroundings } from './resolve-features.ts'
import type { ViewFile } from './schema.ts'
import { formatDuration } from './units.ts'
import { createColumnNames } from './view-columns.ts'
import { resolveVersion } from './view-key.ts'

/** Everything of a view but its hash, which needs all fields of the pipeline. */
export type UnhashedView = Omit<ViewDefinition, 'hash'>

export interface PipelineKeys extends ViewSurroundings {
  /** The source's key; undefined where it could not be read. */
  readonly key: readonly string[] | undefined
}

const TTL_BEYOND_WINDOW_DAYS = 10

/** @param viewKey its key in the file, which may end in `@VERSION` */
export function resolveView(
  viewKey: string,
  file: ViewFile,
  surroundings: PipelineKeys,
): UnhashedView {
  const path = ['views', viewKey]
  const { report } = surroundings
  checkEntity(file, path, surroundings)
  const where: Condition | undefined = resolveCondition(
    file.where,
    [...path, 'where'],
    surroundings,
  )
  const windows = sortedWindows(file.windows, [...path, 'windows'], report)
  const resolved = resolveFeatures(file, path, { ...surroundings, windows })
  const derived = resolveDerived(file, path, resolved, report)
  checkColumns(file, path, { features: resolved.features, derived, report })
  const known = { columns: columnTypes({ resolved, derived }), report }
  const gates = resolveGates(file.validate, [...path, 'validate'], known)
  return {
    ...resolveVersion(viewKey, file, report),
    entity: file.entity,
    ...(where && { where }),
    windows,
    features: resolved.features,
    derived,
    online: file.online,
    ttlMs: resolveTtl(file, path, report),
    freshnessMs: file.freshness,
    ...(file.joinTtl !== undefined && { joinTtlMs: file.joinTtl }),
    ...(file.owner !== undefined && { owner: file.owner }),
    ...(file.description !== undefined && { description: file.description }),
    tags: file.tags,
    defaults: resolveDefaults(file, path, { ...known, resolved }),
    ...(gates && { gates }),
  }
}

export function withHash(view: UnhashedView, fields: readonly FieldDefinition[]): ViewDefinition {
  return { ...view, hash: hashView(view, fields) }
}

function checkEntity(file: ViewFile, path: Path, { key, fields, report }: PipelineKeys): void {
  const at = [...path, 'entity']
  const single = report.textAt(at) !== undefined
  file.entity.forEach((name, index) => {
    const itemAt = single ? at : [...at, index]
    const type = fields.typeOf(name, itemAt)
    if (type?.kind === 'double') {
      report.add(
        itemAt,
        `expected a field with exact values; \`${name}\` is double, whose equality is no identity`,
      )
    }
    if (file.entity.indexOf(name) !== index)
      report.add(itemAt, `expected each field once, found \`${name}\` again`)
    if (type !== undefined && !/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
      report.add(
        itemAt,
        `expected a name of letters, digits and _, found \`${name}\`: an entity's fields are columns of the table`,
      )
    }
  })
  const missing = (key ?? []).filter((each) => !file.entity.includes(each))
  const areFields = [...file.entity, ...missing].every((name) =>
    fields.all().some((field) => field.name === name),
  )
  if (missing.length === 0 || !areFields) return
  const names = missing.map((each) => `\`${each}\``).join(', ')
  report.add(
    at,
    `expected the source's key (${names}) among the entity's fields: the log is partitioned by it, so the events of any other entity are spread over partitions, and the rekey hop that would gather them is not built yet`,
  )
}

function resolveTtl(file: ViewFile, path: Path, report: Report): number {
  const longest = Math.max(...file.windows)
  const ttlMs = file.ttl ?? (longest + TTL_BEYOND_WINDOW_DAYS) * DAY_MS
  if (ttlMs <= longest * DAY_MS && !report.isBroken([...path, 'windows'])) {
    report.add(
      [...path, 'ttl'],
      `expected more than the longest window (${longest}d), or values would expire while they still count; found \`${formatDuration(ttlMs)}\``,
    )
  }
  for (const key of ['joinTtl', 'freshness'] as const) {
    if (file[key] === 0) report.add([...path, key], 'expected a duration above 0')
  }
  return ttlMs
}

interface Columns {
  readonly features: readonly FeatureDefinition[]
  readonly derived: readonly DerivedDefinition[]
  readonly report: Report
}

function checkColumns(file: ViewFile, path: Path, { features, derived, report }: Columns): void {
  const names = createColumnNames(report)
  file.entity.forEach((column, index) => {
    const at = [...path, 'entity']
    names.claim(
      column,
      `the entity field \`${column}\``,
      report.textAt(at) === undefined ? [...at, index] : at,
    )
  })
  const parts = [
    ...features.map(({ name, windows }) => ({
      name,
      owner: `the feature \`${name}\``,
      at: [...path, 'features', name],
      columns: windows.map((days) => `${name}_${days}d`),
    })),
    ...derived.map(({ name, columns }) => ({
      name,
      owner: `the derived \`${name}\``,
      at: [...path, 'derived', name],
      columns: columns.map((column) => column.name),
    })),
  ]
  for (const { name } of derived) {
    if (!features.some((feature) => feature.name === name)) continue
    const message = `expected another name: a feature is named \`${name}\` too`
    report.add([...path, 'derived', name], message, 'key')
  }
  // Of a feature and a derived feature of one name, all columns clash: that is told already.
  const apart = parts.filter(
    ({ name, owner }) => !parts.some((other) => other.name === name && other.owner !== owner),
  )
  for (const { owner, at, columns } of apart) {
    for (const column of columns) names.claim(column, owner, at)
  }
  for (const { name, owner, at } of apart) names.refuseColumnName(name, owner, at)
}

/** Under the names of columns; the name of a feature stands for its columns of all windows. */
function resolveDefaults(
  file: ViewFile,
  path: Path,
  { columns, resolved, report }: KnownColumns & { readonly resolved: ResolvedFeatures },
): Record<string, Value> {
  const defaults: Record<string, Value> = {}
  for (const [name, literal] of Object.entries(file.defaults ?? {})) {
    const at = [...path, 'defaults', name]
    const meant = columns.filter(({ column, owner }) => column === name || owner === name)
    if (meant.length === 0 && !resolved.types.has(name)) {
      const known = [...new Set(columns.flatMap(({ column, owner }) => [owner, column]))]
      report.add(
        at,
        `expected a column or a feature of the view, found \`${name}\`${suggestion(name, known)}`,
        'key',
      )
    }
    for (const { column, type } of meant) {
      const result = convertLiteral(literal, report.textAt(at) ?? String(literal), type)
      if ('value' in result) defaults[column] = result.value
      else if (column === meant[0]?.column) {
        report.add(
          at,
          `expected ${result.expected}, found ${report.show(at, literal)}; the column is ${typeName(type)}`,
        )
      }
    }
  }
  return defaults
}

function columnTypes({
  resolved,
  derived,
}: {
  readonly resolved: ResolvedFeatures
  readonly derived: readonly DerivedDefinition[]
}): OwnedColumn[] {
  const ofFeatures = resolved.features.flatMap(({ name, windows }) => {
    const type = resolved.types.get(name)
    return type === undefined
      ? []
      : windows.map((days) => ({ column: `${name}_${days}d`, owner: name, type }))
  })
  const ofDerived = derived.flatMap(({ name, columns, type }) =>
    columns.map((column) => ({ column: column.name, owner: name, type: { kind: type } })),
  )
  return [...ofFeatures, ...ofDerived]
}
