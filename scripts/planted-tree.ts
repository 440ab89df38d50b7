/** A copy of the tree in which deliberate bugs are planted, one after the other. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Edit } from '../test/mutations/edit.ts'

const ROOT = path.dirname(import.meta.dirname)
const COPIED = [
  'src',
  'test',
  'sim',
  'docs',
  'schemas',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]

export class PlantedTree implements Disposable {
  readonly root: string

  constructor() {
    this.root = mkdtempSync(path.join(os.tmpdir(), 'tidemark-mutations-'))
    for (const name of COPIED)
      cpSync(path.join(ROOT, name), path.join(this.root, name), { recursive: true })
    const modules = path.join(ROOT, 'node_modules')
    symlinkSync(modules, path.join(this.root, 'node_modules'), 'junction')
  }

  /** Runs `work` with the bug in the copy, which is as before afterwards. */
  async planted<T>(edits: readonly Edit[], work: () => T | Promise<T>): Promise<T> {
    const before = new Map<string, string>()
    try {
      for (const { file, search, replace } of edits) {
        const place = path.join(this.root, file)
        const text = readFileSync(place, 'utf8')
        if (text.split(search).length !== 2) throw new Error(`${file}: not there once: ${search}`)
        if (!before.has(place)) before.set(place, text)
        writeFileSync(
          place,
          text.replace(search, () => replace),
        )
      }
      return await work()
    } finally {
      for (const [place, text] of before) writeFileSync(place, text)
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
