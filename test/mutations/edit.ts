/** A change of one place in a source file: what a deliberate bug is made of. */
export interface Edit {
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly search: string
  readonly replace: string
}

export function edit(file: string, search: string, replace: string): Edit {
  return { file, search, replace }
}
