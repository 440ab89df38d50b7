/** Other processes at a table: writers of ours, and the independent readers of `read-delta.py`. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { WriterJob } from './table-writer.ts'

const ROOT = join(import.meta.dirname, '../..')
const PYTHON = join(ROOT, '.cache/venv/bin/python')

export interface ReaderReport {
  readonly reader: 'deltalake' | 'duckdb' | 'end'
  readonly version: number | null
  readonly files: number | null
  readonly columns: readonly (readonly [string, string])[] | null
  readonly rows: number
  readonly duplicates: number
  readonly result: readonly (readonly (string | number | boolean | null)[])[]
  readonly txns: Readonly<Record<string, number | null>>
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `shell` runs before the writer in the same process, such as `ulimit`. */
export function startWriter(job: WriterJob, shell?: string): ChildProcess {
  const script = join(import.meta.dirname, 'table-writer.ts')
  const args = ['--import', 'tsx', script, JSON.stringify(job)]
  const options = { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] }
  if (shell === undefined) return spawn(process.execPath, args, options)
  return spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', process.execPath, ...args], options)
}

export async function finish(child: ChildProcess): Promise<Finished> {
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (bytes: Buffer) => (output.stdout += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (output.stderr += bytes.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output }
}

/** Whether `scripts/python-venv.sh` has been run. */
export function hasIndependentReaders(): boolean {
  return existsSync(PYTHON)
}

/** @throws with what the readers said on stderr */
export async function readIndependently(
  table: string,
  args: readonly string[],
): Promise<ReaderReport[]> {
  if (!existsSync(PYTHON)) {
    throw new Error('the independent readers are missing: run `bash scripts/python-venv.sh` first')
  }
  const script = join(import.meta.dirname, 'read-delta.py')
  const { code, stdout, stderr } = await finish(
    spawn(PYTHON, [script, table, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  if (code !== 0) throw new Error(`read-delta.py ended with ${code}: ${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ReaderReport)
}
