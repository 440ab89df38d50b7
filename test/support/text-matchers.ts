/** Matchers of a property that is text, typed: those of vitest are `any`. */
import { expect } from 'vitest'

export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern)
}

export function containing(text: string): unknown {
  return expect.stringContaining(text)
}
