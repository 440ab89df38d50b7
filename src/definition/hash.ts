/**
 * A view's definition hash: equal hashes mean that the same log gives the same values.
 *
 * It covers the version, the entity, filters, windows, features and derived features under their names, and what is served
 * online; fields count as type and place, not as their names. It does not cover who owns the view, what is said about it,
 * expiry, or how the file is laid out.
 */
import { createHash } from 'node:crypto'
import { aggregateKey, canonicalCondition, fieldKey } from '../core/aggregate-key.ts'
import type { FieldDefinition, ViewDefinition } from '../core/definition.ts'
import { formatExpression } from '../core/expression.ts'

/** Raised when the canonical form below changes: hashes of before and after are then not to be compared. */
const CANONICAL_FORM = 1

/** Hex SHA-256. */
export function hashView(
  view: Omit<ViewDefinition, 'hash'>,
  fields: readonly FieldDefinition[],
): string {
  return createHash('sha256').update(canonicalView(view, fields)).digest('hex')
}

function canonicalView(
  view: Omit<ViewDefinition, 'hash'>,
  fields: readonly FieldDefinition[],
): string {
  const features = view.features.map((feature) => ({
    name: feature.name,
    aggregate: aggregateKey(feature, fields),
    windows: feature.windows,
    since: feature.since,
  }))
  const derived = view.derived.map(({ name, expression, columns }) => ({
    name,
    expression: formatExpression(expression),
    windows: columns.map(({ window }) => window ?? 0),
  }))
  return JSON.stringify({
    form: CANONICAL_FORM,
    version: view.version,
    // The names are columns of the table; their order is that of the key's parts.
    entity: view.entity.map((name) => [name, fieldKey(name, fields)]),
    where: view.where && canonicalCondition(view.where, fields),
    windows: view.windows,
    features: features.sort(byName),
    derived: derived.sort(byName),
    online: view.online,
  })
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}
