/** Paths in a place of files are relative, and stay inside it. */
import { invariant } from '../errors.ts'

export function checkInside(path: string): void {
  const inside = !path.split('/').includes('..') && !path.startsWith('/')
  invariant(inside, `a path is relative and stays inside: ${path}`)
}
