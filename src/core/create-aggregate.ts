/** Which algebra a feature runs: by the kind of its aggregate and the type of its field. */
import { unreachable } from '../errors.ts'
import { edge, extreme } from './aggregate-kept.ts'
import { doubleMoments, exactMoments } from './aggregate-moments.ts'
import { count, doubleAverage, doubleSum, exactAverage, exactSum } from './aggregate-sums.ts'
import type { Aggregate } from './aggregate.ts'
import type { AggregateKind } from './definition.ts'
import type { FieldType } from './value.ts'

export function createAggregate(kind: AggregateKind, type: FieldType | undefined): Aggregate {
  if (kind === 'count') return count
  if (type === undefined) return unreachable(kind as never)
  const exact = isExact(type)
  switch (kind) {
    case 'sum':
      return exact ? exactSum(type) : doubleSum
    case 'avg':
      return exact ? exactAverage(scaleOf(type)) : doubleAverage
    case 'variance':
      return exact ? exactMoments(scaleOf(type), identity) : doubleMoments(identity)
    case 'stddev':
      return exact ? exactMoments(scaleOf(type), Math.sqrt) : doubleMoments(Math.sqrt)
    case 'min':
      return extreme(type, -1)
    case 'max':
      return extreme(type, 1)
    case 'first':
      return edge(type, -1)
    case 'last':
      return edge(type, 1)
    default:
      return unreachable(kind)
  }
}

function identity(value: number): number {
  return value
}

/** Integers and decimals; everything else that can be summed is a double. */
function isExact(type: FieldType): boolean {
  return type.kind === 'int32' || type.kind === 'int64' || type.kind === 'decimal'
}

function scaleOf(type: FieldType): number {
  return type.kind === 'decimal' ? 10 ** type.scale : 1
}
