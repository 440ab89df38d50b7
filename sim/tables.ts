/** Names of the tables of a pipeline. */
import type { Pipeline } from '../src/core/definition.ts'

export function tableNames({ views }: Pipeline): string[] {
  return views.flatMap(({ name, version }) => [`${name}_v${version}`, `${name}_v${version}__tiles`])
}
