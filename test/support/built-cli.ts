/**
 * The command line as it is installed: built once for all processes of all tests, since one that compiles itself needs
 * twice as long to start. A build is named by what it was made of, and put in its place in one step, so that runs of tests
 * that go on while sources change never read each other's by half.
 */
import { createHash, randomUUID } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type TypeScript from 'typescript'

const ROOT = path.dirname(path.dirname(import.meta.dirname))
const BUILDS = path.join(ROOT, '.cache', 'cli')
/** Nothing that runs was started from an older one. */
const KEPT_MS = 6 * 3_600_000
const PACKAGE = ['package.json', 'tsconfig.json', 'bin/tidemark.mjs']

let built: string | undefined

/** Path of `bin/tidemark.mjs` of a package that was built from the sources as they are when it is asked for first. */
export function builtCli(): string {
  built ??= path.join(buildOnce(readSources()), 'bin', 'tidemark.mjs')
  return built
}

/** Paths in the package, with their contents. */
function readSources(): ReadonlyMap<string, string> {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => path.join('src', name))
  return new Map(
    [...PACKAGE, ...sources.sort()].map((name) => [
      name,
      readFileSync(path.join(ROOT, name), 'utf8'),
    ]),
  )
}

function buildOnce(sources: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([...sources]))
    .digest('hex')
  const place = path.join(BUILDS, hash.slice(0, 16))
  if (existsSync(place)) return place
  const draft = path.join(BUILDS, `draft-${randomUUID()}`)
  build(sources, draft)
  try {
    renameSync(draft, place)
  } catch (error) {
    // Another process was faster: its build is the same.
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(place)) throw error
  }
  removeOld()
  return place
}

/** File by file, as `npm run build` does it, without asking whether the types are right. */
function build(sources: ReadonlyMap<string, string>, place: string): void {
  const ts = createRequire(import.meta.url)('typescript') as typeof TypeScript
  const { config } = ts.parseConfigFileTextToJson(
    'tsconfig.json',
    sources.get('tsconfig.json') ?? '',
  ) as {
    readonly config: { readonly compilerOptions: object }
  }
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const compilerOptions = { ...options, module: ts.ModuleKind.ESNext, noEmit: false }
  for (const [name, text] of sources) {
    if (!name.endsWith('.ts')) continue
    const output = path.join(place, 'dist', path.relative('src', name).replace(/\.ts$/, '.js'))
    mkdirSync(path.dirname(output), { recursive: true })
    const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: name })
    writeFileSync(output, outputText)
  }
  for (const name of PACKAGE) {
    mkdirSync(path.dirname(path.join(place, name)), { recursive: true })
    cpSync(path.join(ROOT, name), path.join(place, name))
  }
}

function removeOld(): void {
  for (const name of readdirSync(BUILDS)) {
    const build = path.join(BUILDS, name)
    const madeMs = statSync(build, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (Date.now() - madeMs > KEPT_MS) rmSync(build, { recursive: true, force: true })
  }
}
