/** Files of the repository that come from the schema are those that the schema gives now. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { generateFiles } from '../../scripts/generate.ts'

const ROOT = path.join(import.meta.dirname, '..', '..')

test('the published JSON schema and the reference pages are fresh (else: npx tsx scripts/generate.ts)', async () => {
  for (const { path: file, content } of await generateFiles()) {
    expect(await readFile(path.join(ROOT, file), 'utf8'), file).toBe(content)
  }
})

test('every key of the pipeline file has a meaning in the JSON schema', async () => {
  const text = await readFile(path.join(ROOT, 'schemas/pipeline.schema.json'), 'utf8')
  const silent: string[] = []
  const visit = (node: unknown, at: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties') {
        for (const [name, member] of Object.entries(value as object)) {
          if (!('description' in (member as object))) silent.push(`${at}.${name}`)
        }
      }
      visit(value, `${at}.${key}`)
    }
  }
  visit(JSON.parse(text), '')
  expect(silent).toEqual([])
})
