/** The known name that a mistyped one was probably meant to be. */
import { distance } from 'fastest-levenshtein'

/** Undefined where nothing is near: a far guess misleads more than it helps. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const allowed = name.length < 4 ? 1 : name.length < 8 ? 2 : 3
  let best: string | undefined
  let bestDistance = allowed + 1
  for (const candidate of known) {
    const found = distance(name.toLowerCase(), candidate.toLowerCase())
    if (found < bestDistance) {
      best = candidate
      bestDistance = found
    }
  }
  return best
}

/** `; did you mean amount?`, else the names there are while they fit a line, else nothing. */
export function suggestion(name: string, known: readonly string[]): string {
  const found = nearest(name, known)
  if (found !== undefined) return `; did you mean \`${found}\`?`
  if (known.length === 0) return ''
  const shown = known.slice(0, 16).map((each) => `\`${each}\``)
  const more = known.length > shown.length ? `, and ${known.length - shown.length} more` : ''
  return `; there ${known.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${more}`
}
