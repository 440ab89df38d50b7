import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { generateCommands } from '../../scripts/generate-commands.ts'
import { createProgram, leafCommands } from '../../src/cli/program.ts'

const ROOT = path.join(import.meta.dirname, '..', '..')
const leaves = leafCommands(createProgram('0.0.0'))

test('the page of commands is fresh (else: npx tsx scripts/generate-commands.ts)', async () => {
  expect(await readFile(path.join(ROOT, 'docs/commands.md'), 'utf8')).toBe(await generateCommands())
})

describe.each(leaves)('tidemark %s', (words, command) => {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) })

  test('has --json, and --help with an example of itself', () => {
    help = ''
    command.outputHelp()
    expect(help).toContain('--json')
    expect(help).toMatch(new RegExp(`Examples?:\\n  \\$ tidemark ${words}`))
  })
})
