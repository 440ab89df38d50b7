/** Plain data as an indented outline, close to how a pipeline file is written. For people; machines take `--json`. */
import type { Json } from '../definition/describe-places.ts'

export function outline(value: Json, indent = ''): string {
  if (!isMapping(value)) return indent + inline(value)
  return Object.entries(value)
    .map(([key, held]) =>
      isMapping(held) && Object.keys(held).length > 0
        ? `${indent}${key}:\n${outline(held, `${indent}  `)}`
        : `${indent}${key}: ${inline(held)}`,
    )
    .join('\n')
}

function isMapping(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Quotes only where the text could be read as something else. */
function inline(value: Json): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  if (typeof value === 'string') {
    return /^[A-Za-z_./~][^:#{}[\],"'\n]*$|^\d[\w.:-]*[A-Za-z%Z]$/.test(value)
      ? value
      : JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((each: Json) => inline(each)).join(', ')}]`
  const entries = Object.entries(value).map(([key, held]) => `${key}: ${inline(held)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}
