/**
 * Pages as tests: runs the commands and snippets of a Markdown page, in order and in one directory, and compares what they
 * print with what the page shows.
 *
 * A `console` block holds commands (`$ ...`), each followed by its output; a `python` block may be followed by a `text` block
 * with its output. `...` stands for any lines. Dates, instants, durations, sizes and how much was written differ from
 * run to run and are not compared; spaces that only align are neither.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { builtCli } from './built-cli.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const VENV = path.join(ROOT, '.cache/venv')
const STEP_MS_MAX = 120_000

export interface PageStep {
  /** Line of the page. */
  readonly line: number
  readonly kind: 'command' | 'python'
  readonly text: string
  /** Lines that it must print; undefined: the page shows none. */
  readonly shown: readonly string[] | undefined
}

interface Block {
  readonly line: number
  readonly info: string
  readonly lines: readonly string[]
}

export function pageSteps(page: string): PageStep[] {
  const blocks = codeBlocks(readFileSync(path.join(ROOT, page), 'utf8'))
  return blocks.flatMap(({ info, line, lines }, index): PageStep[] => {
    if (info === 'console') return commandSteps(line, lines)
    if (info !== 'python') return []
    const next = blocks[index + 1]
    const shown = next?.info === 'text' ? next.lines : undefined
    return [{ line, kind: 'python', text: lines.join('\n'), shown }]
  })
}

function codeBlocks(text: string): Block[] {
  const blocks: Block[] = []
  let open: { line: number; info: string; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === undefined) open = { line: index + 1, info: fence[1] ?? '', lines: [] }
    else {
      blocks.push(open)
      open = undefined
    }
  }
  return blocks
}

function commandSteps(blockLine: number, lines: readonly string[]): PageStep[] {
  const steps: { line: number; kind: 'command'; text: string; shown: string[] }[] = []
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('$ ')) {
      steps.push({ line: blockLine + index + 1, kind: 'command', text: line.slice(2), shown: [] })
    } else steps.at(-1)?.shown.push(line)
  }
  return steps
}

/** Where a page is run: an empty directory, `tidemark` and `python` on the path, DuckDB's delta extension at hand. */
export class PageRun {
  readonly #env: NodeJS.ProcessEnv
  #directory: string

  /** `environment`: for its commands, beside that of the test. */
  constructor(place: string, environment: Readonly<Record<string, string>> = {}) {
    if (!existsSync(VENV)) {
      throw new Error('the Python readers are missing: run `bash scripts/python-venv.sh` first')
    }
    const home = path.join(place, 'home')
    const bin = path.join(home, 'bin')
    mkdirSync(bin, { recursive: true })
    const script = `#!/bin/sh\nexec "${process.execPath}" "${builtCli()}" "$@"\n`
    writeFileSync(path.join(bin, 'tidemark'), script)
    chmodSync(path.join(bin, 'tidemark'), 0o755)
    this.#directory = path.join(place, 'page')
    mkdirSync(this.#directory)
    const search = [bin, path.join(VENV, 'bin'), process.env['PATH'] ?? ''].join(path.delimiter)
    this.#env = { ...process.env, ...environment, PATH: search, HOME: home }
    this.#python(PLACE_EXTENSION)
  }

  /** @returns what it printed on stdout. @throws with its stderr where it failed */
  run(step: PageStep): string {
    return step.kind === 'python' ? this.#python(step.text) : this.#command(step.text)
  }

  #command(text: string): string {
    const change = /^cd (\S+)$/.exec(text)
    if (change === null) return this.#spawn('bash', ['-c', text])
    this.#directory = path.join(this.#directory, change[1] ?? '')
    return ''
  }

  /** Leaves without the interpreter's own end, in which threads of a native reader were once seen to abort. */
  #python(text: string): string {
    const end = 'import os, sys\nsys.stdout.flush()\nos._exit(0)\n'
    return this.#spawn('python', ['-c', `${text}\n${end}`])
  }

  #spawn(command: string, args: readonly string[]): string {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: this.#directory,
      env: this.#env,
      encoding: 'utf8',
      timeout: STEP_MS_MAX,
    })
    if (status === 0) return stdout
    throw new Error(`${args.join(' ')}: ended with ${status ?? error?.message}\n${stdout}${stderr}`)
  }
}

/** Puts the file in the wheel of DuckDB's extension where DuckDB looks for what it would else download. */
const PLACE_EXTENSION = `
import duckdb, duckdb_extension_delta, os, pathlib, shutil
platform = duckdb.sql("pragma platform").fetchone()[0]
for file in pathlib.Path(duckdb_extension_delta.__file__).parent.glob("extensions/*/*.duckdb_extension"):
    target = pathlib.Path(os.environ["HOME"], ".duckdb/extensions", file.parent.name, platform)
    target.mkdir(parents=True)
    shutil.copy(file, target)
`

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?/g, 'INSTANT'],
  [/\d{4}-\d{2}-\d{2}/g, 'DAY'],
  [/\b\d+(\.\d+)? (d|h|min|s)\b( \d+ (h|min|s)\b)?/g, 'DURATION'],
  [/[\d,]+ events\/s/g, 'SPEED'],
  [/\b\d+(\.\d+)? (B|KiB|MiB|GiB)\b/g, 'SIZE'],
  // How often a follower writes a row or value again depends on when it looks.
  [/[\d,]+ rows? and [\d,]+ values? written/g, 'WRITTEN'],
  // The last part of a version is a day.
  [/\b(\d+\.\d+)\.\d{5}\b/g, '$1.DAY'],
  [/\s+/g, ' '],
]

function masked(line: string): string {
  return MASKS.reduce((text, [pattern, word]) => text.replace(pattern, word), line).trim()
}

/** The first line of the page that was not printed where the page has it; undefined where all were. */
export function missingLine(shown: readonly string[], printed: string): string | undefined {
  const lines = printed.split('\n').map(masked)
  let at = 0
  let maySkip = false
  for (const line of trimBlank(shown)) {
    if (line.trim() === '...') {
      maySkip = true
      continue
    }
    const found = maySkip ? lines.indexOf(masked(line), at) : at
    if (found < 0 || lines[found] !== masked(line)) return line
    at = found + 1
    maySkip = false
  }
  const isAllShown = maySkip || lines.slice(at).every((line) => line === '')
  return isAllShown ? undefined : `(more was printed: ${lines[at] ?? ''})`
}

function trimBlank(lines: readonly string[]): readonly string[] {
  const last = lines.findLastIndex((line) => line.trim() !== '')
  return lines.slice(0, last + 1)
}
