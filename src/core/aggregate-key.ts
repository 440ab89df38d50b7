/**
 * Identity of what is aggregated and of conditions, as canonical text: whatever names a field or a feature has, equal text
 * means equal values from the same records. Stored tiles are found by it, so the text of what exists must never change.
 */
import type { Condition, FeatureDefinition, FieldDefinition } from './definition.ts'
import { typeName } from './value.ts'
import type { Value } from './value.ts'

/** Kind, the field's type and place in the record, filter; not the feature's name, windows or description. */
export function aggregateKey(
  feature: Pick<FeatureDefinition, 'aggregate' | 'field' | 'where'>,
  fields: readonly FieldDefinition[],
): string {
  const field = feature.field === '*' ? '*' : fieldKey(feature.field, fields)
  const where = feature.where === undefined ? [] : [canonicalCondition(feature.where, fields)]
  return JSON.stringify([feature.aggregate, field, ...where])
}

/** Type and place of a field: what its values depend on. A name that is not declared stands for itself. */
export function fieldKey(name: string, fields: readonly FieldDefinition[]): unknown {
  const field = fields.find((each) => each.name === name)
  if (field === undefined) return name
  const { path, type } = field
  switch (path.kind) {
    case 'value':
      return [typeName(type), ...path.segments]
    case 'header':
      return [typeName(type), { header: path.name }]
    default:
      return [typeName(type), { [path.kind]: true }]
  }
}

/**
 * A JSON value that is the same for conditions that differ only in the order or nesting of `all` and `any`, in the order
 * or repetition of a list's values, or in a double `not`.
 */
export function canonicalCondition(
  condition: Condition,
  fields: readonly FieldDefinition[],
): readonly unknown[] {
  const field = (name: string): unknown => fieldKey(name, fields)
  switch (condition.kind) {
    case 'compare':
      return [condition.op, field(condition.field), canonicalValue(condition.value)]
    case 'present':
      return ['present', field(condition.field)]
    case 'in': {
      const values = [...new Set(condition.values.map(canonicalValue))].sort()
      return values.length === 1
        ? ['eq', field(condition.field), values[0]]
        : ['in', field(condition.field), ...values]
    }
    case 'not':
      return condition.of.kind === 'not'
        ? canonicalCondition(condition.of.of, fields)
        : ['not', canonicalCondition(condition.of, fields)]
    default: {
      const parts = flatten(condition, condition.kind).map((part) =>
        canonicalCondition(part, fields),
      )
      const texts = [...new Set(parts.map((part) => JSON.stringify(part)))].sort()
      const sorted = texts.map((text) => JSON.parse(text) as readonly unknown[])
      const [only] = sorted
      return sorted.length === 1 && only !== undefined ? only : [condition.kind, ...sorted]
    }
  }
}

function flatten(condition: Condition, kind: 'all' | 'any'): readonly Condition[] {
  if (condition.kind !== kind) return [condition]
  return condition.of.flatMap((part) => flatten(part, kind))
}

/** The field's type is told beside it, so that text is enough: 42 and 42n are the same value. */
function canonicalValue(value: Value): string {
  return String(value)
}
