/** The aggregates, with the types of field that each takes and why. */
import type { AggregateKind } from '../core/definition.ts'
import { typeName } from '../core/value.ts'
import type { FieldType } from '../core/value.ts'

export const AGGREGATE_KINDS = [
  'count',
  'sum',
  'min',
  'max',
  'avg',
  'variance',
  'stddev',
  'first',
  'last',
] as const satisfies readonly AggregateKind[]

const NUMBERS: ReadonlySet<FieldType['kind']> = new Set(['int32', 'int64', 'double', 'decimal'])

/** Why `kind` cannot be taken of a field of this type; undefined where it can. */
export function aggregateRefusal(kind: AggregateKind, type: FieldType): string | undefined {
  switch (kind) {
    case 'sum':
    case 'avg':
    case 'variance':
    case 'stddev':
      if (NUMBERS.has(type.kind)) return undefined
      return `${kind} needs a number (int32, int64, double, decimal), not ${typeName(type)}`
    case 'min':
    case 'max':
      if (type.kind !== 'boolean') return undefined
      return `${kind} needs an ordered type, and true/false have none`
    default:
      return undefined
  }
}
