/** Leaving at once while native threads wait for the loop: with `process.exit` this process would hang for ever. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')

test('a process that is told to leave at once is gone, whatever file it was writing', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-leave-'))
  try {
    const args = ['--import', 'tsx', 'test/support/leaving-writer.ts', directory]
    const { signal, stdout, error } = spawnSync(process.execPath, args, {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGTERM',
    })
    expect(error).toBeUndefined()
    expect(stdout).toBe('leaving\n')
    expect(signal).toBe('SIGKILL')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
