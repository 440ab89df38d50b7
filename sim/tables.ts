/** Names of the tables of a pipeline. */
import type { Pipeline, ViewDefinition } from '../src/core/definition.ts'

export function tableNames({ views }: Pipeline): string[] {
  return views.flatMap((view) => [rowsTable(view), tilesTable(view)])
}

export function rowsTable({ name, version }: ViewDefinition): string {
  return `${name}_v${version}`
}

export function tilesTable(view: ViewDefinition): string {
  return `${rowsTable(view)}__tiles`
}
