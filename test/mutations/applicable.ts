/** A deliberate bug that cannot be planted any more proves nothing: its place is there once, and what it makes of it is a program. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Script } from 'node:vm'
import ts from 'typescript'
import { expect } from 'vitest'
import type { Edit } from './edit.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const COMMON_JS = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 }

export function expectApplicable(edits: readonly Edit[]): void {
  const planted = new Map<string, string>()
  for (const { file, search, replace } of edits) {
    const text = readFileSync(path.join(ROOT, file), 'utf8')
    expect(`${file}: ${text.split(search).length - 1} times: ${search}`).toBe(
      `${file}: 1 times: ${search}`,
    )
    expect(replace).not.toBe(search)
    planted.set(
      file,
      (planted.get(file) ?? text).replace(search, () => replace),
    )
  }
  // Not run: a name that is declared twice is found where the text is read.
  for (const [file, text] of planted) {
    const { outputText } = ts.transpileModule(text, { compilerOptions: COMMON_JS })
    expect(() => new Script(outputText, { filename: file })).not.toThrow()
  }
}
