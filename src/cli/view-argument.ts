/** Views, entities and days as they are typed: `user_activity user_id=42`, `--offline 2026-01-05`. */
import { parseDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { parseValue } from '../core/text.ts'
import type { PresentValue } from '../core/text.ts'
import { typeName } from '../core/value.ts'
import { planViews } from '../core/view-plan.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { suggestion } from '../definition/nearest.ts'
import { TidemarkError } from '../errors.ts'

/** By name all versions in the file, by `name@version` the one. @throws USAGE */
export function findVersions(pipeline: Pipeline, typed: string): ViewPlan[] {
  const plans = planViews(pipeline)
  const found = plans.filter(
    ({ title, definition }) => typed === title || typed === definition.name,
  )
  if (found.length > 0) return found
  const names = plans.map(({ title, definition }) =>
    typed.includes('@') ? title : definition.name,
  )
  throw usage(`the pipeline has no view ${typed}${suggestion(typed, [...new Set(names)])}`)
}

/** `field=value` for each field of the entity, in any order; returns the entity's text. @throws USAGE */
export function parseEntity(
  { entityColumns, entity, title }: ViewPlan,
  typed: readonly string[],
): string {
  const expected = entityColumns.map(({ name, type }) => `${name}=<${typeName(type)}>`).join(' ')
  const given = new Map<string, string>()
  for (const pair of typed) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, at))
    if (!entityColumns.some((column) => column.name === name)) {
      throw usage(`${title}: expected ${expected}, received ${pair}`)
    }
    if (given.has(name)) throw usage(`${title}: ${name} is given twice`)
    given.set(name, pair.slice(at + 1))
  }
  const values = entityColumns.map(({ name, type }): PresentValue => {
    const text = given.get(name)
    if (text === undefined) throw usage(`${title}: ${name} is missing; expected ${expected}`)
    const value = parseValue(text, type)
    if (value === undefined) {
      throw usage(`${title}: ${name}: expected ${typeName(type)}, received ${JSON.stringify(text)}`)
    }
    return value
  })
  return entity.encode(values)
}

/** @throws USAGE */
export function parseDayArgument(option: string, typed: string): DayIndex {
  const day = parseDay(typed)
  if (day === undefined)
    throw usage(`${option}: expected a date such as 2026-01-05, received ${typed}`)
  return day
}

function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', message)
}
