/**
 * `npm test`: everything that must hold before a change lands. Build, Python for the independent readers and the servers of
 * the tests come first, then every vitest project; format, lint, types, boundaries and unused code go on beside them, at the
 * lowest priority. All of it runs even if something failed before; the last line is `N passed, N failed[, N skipped]`, where a
 * failed check counts as one failure.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

// What it emits: whether the types are right is asked beside the tests.
const BUILD = [['build', 'tsc', '-p', 'tsconfig.build.json', '--noCheck']]
const TOOLS = [
  ['python', 'bash', 'scripts/python-venv.sh'],
  ['servers', 'tsx', 'servers/install.ts'],
]
const CHECKS = [
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
  ['lint', 'eslint', '.', '--max-warnings', '0'],
  ['boundaries', 'depcruise', 'src', '--config', '.dependency-cruiser.cjs'],
  ['unused code', 'knip'],
]

const bin = path.join(root, 'node_modules', '.bin')
const options = {
  cwd: root,
  env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` },
  shell: process.platform === 'win32',
}

/** Tests wait for servers and clocks; what goes on beside them takes what they leave. */
const LOWEST = process.platform === 'win32' ? [] : ['nice', '-n', '19']

/** Resolves with the names of those that failed: itself, or none. */
function runCheck([name, command, ...args], prefix) {
  const started = Date.now()
  return new Promise((resolve) => {
    const [program, ...rest] = [...prefix, command, ...args]
    const child = spawn(program, rest, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => (printed += bytes.toString()))
    }
    child.on('error', (error) => (printed += `${command} did not start: ${error.message}\n`))
    child.on('close', (status) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1)
      process.stdout.write(
        `${printed}${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`,
      )
      resolve(status === 0 ? [] : [name])
    })
  })
}

/** One after the other; what they print is shown when they end. */
async function runAll(checks, prefix) {
  const failed = []
  for (const check of checks) failed.push(...(await runCheck(check, prefix)))
  return failed
}

function vitest(args) {
  return new Promise((resolve) => {
    const child = spawn('vitest', args, { ...options, stdio: 'inherit' })
    child.on('error', (error) => {
      process.stderr.write(`vitest did not start: ${error.message}\n`)
      resolve(false)
    })
    child.on('close', (status) => resolve(status === 0))
  })
}

async function runTests(directory) {
  const report = path.join(directory, 'vitest.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const succeeded = await vitest(args)
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }
  const result = JSON.parse(readFileSync(report, 'utf8'))
  // A file that does not even load has no tests to count, and an error between tests belongs to none.
  const unloaded = result.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  ).length
  const failed = result.numFailedTests + unloaded
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && !succeeded ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
  }
}

const directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-test-'))
try {
  const checking = runAll(CHECKS, LOWEST)
  const unprepared = await Promise.all([BUILD, TOOLS].map((row) => runAll(row, [])))
  const { passed, failed, skipped } = await runTests(directory)
  const failedChecks = [...unprepared.flat(), ...(await checking)]
  if (failedChecks.length > 0) process.stdout.write(`\nFailed checks: ${failedChecks.join(', ')}\n`)
  const failures = failed + failedChecks.length
  const tail = skipped > 0 ? `, ${skipped} skipped` : ''
  process.stdout.write(`\n${passed} passed, ${failures} failed${tail}\n`)
  process.exitCode = failures > 0 ? 1 : 0
} finally {
  rmSync(directory, { recursive: true, force: true })
}
