/** Conditions for the oracle: one record at a time, straight from the tree. */
import type { Condition } from '../../src/core/definition.ts'
import type { Value } from '../../src/core/value.ts'
import { compareValues } from './aggregate-oracle.ts'

/** By name; undefined is present with the wrong type. */
export type Fields = ReadonlyMap<string, Value | undefined>

export function fieldsOf(condition: Condition | undefined): string[] {
  if (condition === undefined) return []
  if ('field' in condition) return [condition.field]
  return [condition.of].flat().flatMap(fieldsOf)
}

/** A comparison with an absent field is false, and `not` of it is true. */
export function holds(condition: Condition | undefined, fields: Fields): boolean {
  if (condition === undefined) return true
  const value = 'field' in condition ? (fields.get(condition.field) ?? null) : null
  switch (condition.kind) {
    case 'compare': {
      if (value === null) return false
      const order = compareValues(value, condition.value)
      const { op } = condition
      if (op === 'eq') return order === 0
      if (op === 'gt') return order > 0
      if (op === 'gte') return order >= 0
      return op === 'lt' ? order < 0 : order <= 0
    }
    case 'in':
      return value !== null && condition.values.some((one) => compareValues(value, one) === 0)
    case 'present':
      return value !== null
    case 'not':
      return !holds(condition.of, fields)
    case 'all':
      return condition.of.every((one) => holds(one, fields))
    case 'any':
      return condition.of.some((one) => holds(one, fields))
  }
}
