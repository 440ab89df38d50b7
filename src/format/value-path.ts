/**
 * Dotted paths into decoded values. A missing or null step is absent (null); a step into something that is no object is
 * wrong (undefined), so that a record of another shape is noticed and not taken for one without the field.
 */
export type PathReader = (root: object) => unknown

export function compilePath(segments: readonly string[]): PathReader {
  const [only] = segments
  if (segments.length === 1 && only !== undefined && !isInherited(only)) {
    return (root) => (root as Record<string, unknown>)[only] ?? null
  }
  return (root) => {
    let value: unknown = root
    for (const segment of segments) {
      if (value === null) return null
      if (typeof value !== 'object' || Array.isArray(value)) return undefined
      value = Object.hasOwn(value, segment) ? (value as Record<string, unknown>)[segment] : null
      if (value === undefined) return null
    }
    return value
  }
}

/** `toString` and its like are there on every object, but are no data. */
function isInherited(segment: string): boolean {
  return segment in Object.prototype
}
