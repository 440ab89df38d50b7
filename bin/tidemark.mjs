#!/usr/bin/env node
/** The package's command. The program itself is src/cli/main.ts, built into dist. */
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
