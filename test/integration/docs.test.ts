/** What docs/reading-tables.md shows is what its snippets print, on a table that the engine has just made. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { PageRun, missingLine, pageSteps } from '../support/doc-page.ts'

const place = mkdtempSync(path.join(os.tmpdir(), 'tidemark-docs-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const steps = pageSteps('docs/reading-tables.md')
const run = new PageRun(place)

test('the page has snippets for pandas, Polars and DuckDB, and joins', () => {
  const python = steps.filter(({ kind }) => kind === 'python').map(({ text }) => text)
  for (const word of ['to_pandas', 'scan_delta', 'delta_scan', 'asof', 'file_uris']) {
    expect(python.some((text) => text.includes(word))).toBe(true)
  }
})

test.each(steps)('docs/reading-tables.md line $line prints what it shows', (step) => {
  const printed = run.run(step)
  if (step.shown) expect(missingLine(step.shown, printed), printed).toBeUndefined()
})
