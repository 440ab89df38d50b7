#!/usr/bin/env -S node --max-semi-space-size=32
/**
 * The package's command. The program itself is src/cli/main.ts, built into dist. Rows and events die young: a larger
 * young generation halves what the collector copies of them.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/cli/main.js', import.meta.url)

if (existsSync(fileURLToPath(main))) {
  await import(main.href)
} else {
  process.stderr.write(
    'tidemark: not built yet (dist/cli/main.js is missing). Run: npm run build\n',
  )
  process.exitCode = 1
}
