/**
 * `npm test`: everything that must hold before a change lands. Build, Python for the independent readers, the servers
 * of the tests, format, lint, types, boundaries, unused code, then every vitest project. All of it runs even if something
 * failed before; the last line is `N passed, N failed[, N skipped]`, where a failed check counts as one failure.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const CHECKS = [
  ['build', 'tsc', '-p', 'tsconfig.build.json'],
  ['python', 'bash', 'scripts/python-venv.sh'],
  ['servers', 'tsx', 'servers/install.ts'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
  ['lint', 'eslint', '.', '--max-warnings', '0'],
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['boundaries', 'depcruise', 'src', '--config', '.dependency-cruiser.cjs'],
  ['unused code', 'knip'],
]

function succeeds(command, args) {
  const bin = path.join(root, 'node_modules', '.bin')
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` },
    shell: process.platform === 'win32',
  })
  if (error) process.stderr.write(`${command} did not start: ${error.message}\n`)
  return status === 0
}

function runChecks() {
  const failed = []
  for (const [name, command, ...args] of CHECKS) {
    const started = Date.now()
    const passed = succeeds(command, args)
    const seconds = ((Date.now() - started) / 1000).toFixed(1)
    process.stdout.write(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`)
    if (!passed) failed.push(name)
  }
  return failed
}

function runTests(directory) {
  const report = path.join(directory, 'vitest.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const succeeded = succeeds('vitest', args)
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
  const failedChecks = runChecks()
  const { passed, failed, skipped } = runTests(directory)
  if (failedChecks.length > 0) process.stdout.write(`\nFailed checks: ${failedChecks.join(', ')}\n`)
  const failures = failed + failedChecks.length
  const tail = skipped > 0 ? `, ${skipped} skipped` : ''
  process.stdout.write(`\n${passed} passed, ${failures} failed${tail}\n`)
  process.exitCode = failures > 0 ? 1 : 0
} finally {
  rmSync(directory, { recursive: true, force: true })
}
