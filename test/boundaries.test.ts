/** Plants each forbidden import in a small copy of the layout and sees that dependency-cruiser tells it. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'

const root = path.dirname(import.meta.dirname)
const place = mkdtempSync(path.join(os.tmpdir(), 'tidemark-boundaries-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** File -> what it imports, and the rule that it breaks (none: allowed). */
const PLANTED = [
  { file: 'core/a.ts', imports: 'node:fs', rule: 'core-is-pure' },
  { file: 'core/b.ts', imports: 'zod', rule: 'core-is-pure' },
  { file: 'core/c.ts', imports: '../engine/ports.ts', rule: 'core-is-pure' },
  { file: 'engine/a.ts', imports: '../leveldb/ok.ts', rule: 'engine-knows-no-vendor' },
  { file: 'engine/b.ts', imports: 'node:timers', rule: 'engine-knows-no-vendor' },
  { file: 'leveldb/a.ts', imports: '../table/ok.ts', rule: 'adapters-do-not-know-each-other' },
  { file: 'leveldb/b.ts', imports: '../engine/ok.ts', rule: 'adapters-see-only-the-ports' },
  { file: 'metrics/a.ts', imports: '../engine/ok.ts', rule: 'watchers-see-where-a-run-stands' },
  { file: 'http/a.ts', imports: '../metrics/ok.ts', rule: 'adapters-do-not-know-each-other' },
  { file: 'table/a.ts', imports: 'classic-level', rule: 'vendors-of-leveldb' },
  { file: 'table/b.ts', imports: '@duckdb/node-api', rule: 'vendors-of-duckdb' },
  { file: 'cli/a.ts', imports: 'zod', rule: 'vendors-of-definition' },
  { file: 'source/a.ts', imports: 'lossless-json', rule: 'vendors-of-format' },
  { file: 'definition/a.ts', imports: 'commander', rule: 'vendors-of-cli' },
  { file: 'source/b.ts', imports: 'vitest', rule: 'every-vendor-has-its-folder' },
  { file: 'source/c.ts', imports: '../cli/ok.ts', rule: 'nobody-imports-the-cli' },
  { file: 'source/d.ts', imports: './e.ts', rule: 'no-cycles' },
  { file: 'source/e.ts', imports: './d.ts', rule: 'no-cycles' },
  { file: 'engine/ports.ts', imports: '../core/ok.ts', rule: undefined },
  { file: 'leveldb/c.ts', imports: '../engine/ports.ts', rule: undefined },
  { file: 'engine/parts.ts', imports: '../core/ok.ts', rule: undefined },
  { file: 'http/b.ts', imports: '../engine/parts.ts', rule: undefined },
  { file: 'leveldb/d.ts', imports: 'classic-level', rule: undefined },
  { file: 'cli/b.ts', imports: '../leveldb/ok.ts', rule: undefined },
] as const

const FOLDERS = [
  'core',
  'engine',
  'leveldb',
  'table',
  'source',
  'definition',
  'metrics',
  'http',
  'cli',
]

interface Cruise {
  readonly modules: readonly {
    readonly source: string
    readonly dependencies: readonly { readonly rules?: readonly { readonly name: string }[] }[]
  }[]
}

function brokenRules(): Map<string, readonly string[]> {
  for (const folder of FOLDERS) {
    mkdirSync(path.join(place, 'src', folder), { recursive: true })
    writeFileSync(path.join(place, 'src', folder, 'ok.ts'), 'export const ok = 1\n')
  }
  for (const { file, imports } of PLANTED) {
    const text = `import * as it from '${imports}'\nexport const planted = it\n`
    writeFileSync(path.join(place, 'src', file), text)
  }
  for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
    cpSync(path.join(root, file), path.join(place, file))
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(place, 'node_modules'), 'junction')
  const bin = path.join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')
  const args = [bin, 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json']
  const options = { cwd: place, encoding: 'utf8', maxBuffer: 2 ** 27 } as const
  const { modules } = JSON.parse(spawnSync(process.execPath, args, options).stdout) as Cruise
  return new Map(
    modules.map(({ source, dependencies }) => [
      source,
      dependencies.flatMap(({ rules = [] }) => rules.map(({ name }) => name)),
    ]),
  )
}

const broken = brokenRules()

test.each(PLANTED)('src/$file importing $imports breaks: $rule', ({ file, rule }) => {
  const found = broken.get(`src/${file}`)
  if (rule === undefined) expect(found).toEqual([])
  else expect(found).toContain(rule)
})
