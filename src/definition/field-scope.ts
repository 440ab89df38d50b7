/**
 * The fields that views may name. With JSON a filter may also name a field that is not declared, where its values tell the
 * type: a text or true/false. Numbers do not (int64? decimal?), and a name that is near a known one is rather a slip.
 */
import type { FieldDefinition } from '../core/definition.ts'
import type { FieldType } from '../core/value.ts'
import { isRefused, parseFieldPath } from './field-type.ts'
import type { Literal } from './literal.ts'
import { nearest, suggestion } from './nearest.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'

export interface FieldScope {
  /** Undefined where the field is not known or could not be read; the report says so where nobody did yet. */
  typeOf(name: string, path: Path): FieldType | undefined
  /** As `typeOf`, for a filter that compares with `literals`. */
  typeInFilter(name: string, path: Path, literals: readonly Literal[]): FieldType | undefined
  /** Declared and implied ones, in order. */
  all(): readonly FieldDefinition[]
}

export interface DeclaredFields {
  readonly fields: readonly FieldDefinition[]
  /** Names whose declaration is wrong: nothing follows from them. */
  readonly unreadable: readonly string[]
  /** Name -> why it cannot be used. */
  readonly unusable: ReadonlyMap<string, string>
  /** Whether a filter may name fields that are not declared. */
  readonly isOpen: boolean
  /** False where the declarations as a whole could not be read. */
  readonly isKnown: boolean
  /** Whether an event has no other fields than these. */
  readonly isComplete: boolean
}

export function createFieldScope(declared: DeclaredFields, report: Report): FieldScope {
  const fields = new Map(declared.fields.map((field) => [field.name, field]))
  const names = (): string[] => [...fields.keys(), ...declared.unreadable]
  const isUnreadable = (name: string): boolean =>
    !declared.isKnown || declared.unreadable.includes(name)

  function typeOf(name: string, path: Path): FieldType | undefined {
    const field = fields.get(name)
    if (field !== undefined || isUnreadable(name)) return field?.type
    const reason = declared.unusable.get(name)
    const message =
      reason === undefined
        ? `expected a field of the source, found ${shown(name, path)}${suggestion(name, names())}`
        : `expected a field that can be used; ${shown(name, path)} is ${reason}`
    report.add(path, message, path.at(-1) === name ? 'key' : 'value')
    return undefined
  }

  function shown(name: string, path: Path): string {
    return path.at(-1) === name ? `\`${name}\`` : report.show(path, name)
  }

  function typeInFilter(
    name: string,
    path: Path,
    literals: readonly Literal[],
  ): FieldType | undefined {
    const isNew = !fields.has(name) && !isUnreadable(name) && !declared.unusable.has(name)
    if (!isNew || !declared.isOpen) return typeOf(name, path)
    const near = nearest(name, names())
    if (near !== undefined) {
      const way = `if it is another field, declare it: \`source.fields.${name}\``
      report.add(
        path,
        `expected a field of the source, found \`${name}\`; did you mean \`${near}\`? (${way})`,
        'key',
      )
      return undefined
    }
    const place = parseFieldPath(name)
    const type = impliedType(literals)
    if (type === undefined || isRefused(place)) {
      const message = `expected a field of the source, found \`${name}\`${suggestion(name, names())}; its type cannot be told from here, declare it under \`source.fields\``
      report.add(path, message, 'key')
      return undefined
    }
    fields.set(name, { name, type, path: place })
    return type
  }

  return { typeOf, typeInFilter, all: () => [...fields.values()] }
}

function impliedType(literals: readonly Literal[]): FieldType | undefined {
  const kinds = new Set(literals.map((literal) => typeof literal))
  if (kinds.size !== 1) return undefined
  if (kinds.has('string')) return { kind: 'string' }
  return kinds.has('boolean') ? { kind: 'boolean' } : undefined
}
