/** `where` as it is written -> `Condition`: names looked up, values converted to their field's type. */
import type { Condition } from '../core/definition.ts'
import type { FieldType, Value } from '../core/value.ts'
import { typeName } from '../core/value.ts'
import type { FieldScope } from './field-scope.ts'
import { convertLiteral } from './literal.ts'
import type { Literal } from './literal.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { ConditionFile, FieldTest, OperatorsFile } from './schema-condition.ts'

interface Surroundings {
  readonly fields: FieldScope
  readonly report: Report
}

/** Undefined where nothing is filtered, or only what was reported. */
export function resolveCondition(
  file: ConditionFile | undefined,
  path: Path,
  surroundings: Surroundings,
): Condition | undefined {
  if (file === undefined) return undefined
  const parts = Object.entries(file).flatMap(([key, value]) => {
    if (value === undefined) return []
    return entry(key, value, [...path, key], surroundings) ?? []
  })
  return together('all', parts)
}

type Entry = NonNullable<ConditionFile[string]>

function entry(
  key: string,
  value: Entry,
  path: Path,
  surroundings: Surroundings,
): Condition | undefined {
  switch (key) {
    case 'any':
    case 'all': {
      const parts = (value as readonly ConditionFile[]).map((each, index) =>
        resolveCondition(each, [...path, index], surroundings),
      )
      return together(
        key,
        parts.filter((part) => part !== undefined),
      )
    }
    case 'not': {
      const inner = resolveCondition(value as ConditionFile, path, surroundings)
      return inner && { kind: 'not', of: inner }
    }
    default:
      return fieldTest(key, value as FieldTest, path, surroundings)
  }
}

function together(kind: 'all' | 'any', parts: readonly Condition[]): Condition | undefined {
  return parts.length < 2 ? parts[0] : { kind, of: parts }
}

type Comparison = Extract<Condition, { kind: 'compare' }>['op']

function fieldTest(
  field: string,
  test: FieldTest,
  path: Path,
  surroundings: Surroundings,
): Condition | undefined {
  const type = surroundings.fields.typeInFilter(field, path, literalsOf(test))
  if (type === undefined) return undefined
  const convert = createConverter(type, surroundings.report)
  const oneOf = (literals: readonly Literal[], at: Path): Condition => ({
    kind: 'in',
    field,
    values: literals.map((literal, index) => convert(literal, [...at, index])),
  })
  const compare = (op: Comparison, literal: Literal, at: Path): Condition => ({
    kind: 'compare',
    field,
    op,
    value: convert(literal, at),
  })
  if (isList(test)) return oneOf(test, path)
  if (typeof test !== 'object') return compare('eq', test, path)

  const parts: Condition[] = []
  const { eq, ne, not, in: values, present } = test
  if (eq !== undefined) parts.push(compare('eq', eq, [...path, 'eq']))
  if (ne !== undefined) parts.push({ kind: 'not', of: compare('eq', ne, [...path, 'ne']) })
  if (not !== undefined) {
    const at = [...path, 'not']
    parts.push({ kind: 'not', of: isList(not) ? oneOf(not, at) : compare('eq', not, at) })
  }
  if (values !== undefined) parts.push(oneOf(values, [...path, 'in']))
  for (const op of ['gt', 'gte', 'lt', 'lte'] as const) {
    const bound = test[op]
    if (bound === undefined) continue
    const at = [...path, op]
    if (type.kind === 'boolean') surroundings.report.add(at, `${op}: true/false have no order`)
    parts.push(compare(op, bound, at))
  }
  if (present === true) parts.push({ kind: 'present', field })
  if (present === false) parts.push({ kind: 'not', of: { kind: 'present', field } })
  if (parts.length === 0) {
    surroundings.report.add(
      path,
      'expected at least one of eq, ne, not, in, gt, gte, lt, lte, present',
    )
  }
  return together('all', parts)
}

function literalsOf(test: FieldTest): readonly Literal[] {
  if (isList(test)) return test
  if (typeof test !== 'object') return [test]
  return Object.values(test).flatMap((value, index) =>
    value === undefined || Object.keys(test)[index] === 'present' ? [] : value,
  )
}

function isList(value: Literal | readonly Literal[] | OperatorsFile): value is readonly Literal[] {
  return Array.isArray(value)
}

/** Reports what cannot be converted and gives null for it. */
function createConverter(type: FieldType, report: Report): (literal: Literal, path: Path) => Value {
  return (literal, path) => {
    const result = convertLiteral(literal, report.textAt(path) ?? String(literal), type)
    if ('value' in result) return result.value
    report.add(
      path,
      `expected ${result.expected}, found ${report.show(path, literal)}; the field is ${typeName(type)}`,
    )
    return null
  }
}
