/** What no compiler sees: pages that must agree with the code, and things that may not be left lying about. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES } from '../src/errors.ts'

const root = path.dirname(import.meta.dirname)
const LINES_MAX = 300

/** Contracts that are one page on purpose, however long their comments make it. */
const LONG_ON_PURPOSE = new Set(['src/engine/ports.ts'])

/** Tracked files and those that a commit would add. */
function repositoryFiles(): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0')
  return [...new Set(listed)].filter((file) => file !== '' && isText(file))
}

function isText(file: string): boolean {
  const full = path.join(root, file)
  if (!existsSync(full) || !statSync(full).isFile() || statSync(full).size > 4_000_000) return false
  return !readFileSync(full).subarray(0, 8_000).includes(0)
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
}

/** `file:line: text` of each line that matches. */
function occurrences(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
      ),
  )
}

const files = repositoryFiles()
const code = files.filter((file) => /\.(ts|mjs|js|cjs|sh|py)$/.test(file))
const self = 'test/tidy.test.ts'

test('docs/errors.md has a section for every error code, and for nothing else', () => {
  const sections = [...read('docs/errors.md').matchAll(/^## (.+)$/gm)].map((match) => match[1])
  expect([...sections].sort()).toEqual([...ERROR_CODES].sort())
})

test('every section of docs/errors.md says what happened and what to do', () => {
  const sections = read('docs/errors.md').split(/^## /m).slice(1)
  const incomplete = sections.filter(
    (section) => !section.includes('**What happened.**') || !section.includes('**What to do.**'),
  )
  expect(incomplete.map((section) => section.split('\n')[0])).toEqual([])
})

test('docs/dependencies.md has one line for every package, and for no other', () => {
  const manifest = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >
  const [, atRunTime = '', forDevelopment = ''] = read('docs/dependencies.md').split(/^## /m)
  const named = (part: string): string[] =>
    [...part.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? '').sort()
  expect(named(atRunTime)).toEqual(Object.keys(manifest.dependencies).sort())
  expect(named(forDevelopment)).toEqual(Object.keys(manifest.devDependencies).sort())
})

test('every package is pinned exactly', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  const all = { ...manifest['dependencies'], ...manifest['devDependencies'] }
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+/.test(version))).toEqual([])
})

test('the lock file names the optional packages of every platform, or `npm ci` refuses it', () => {
  // npm leaves out those that the registry of the moment does not have.
  const { packages } = JSON.parse(read('package-lock.json')) as {
    readonly packages: Record<string, { readonly optionalDependencies?: Record<string, string> }>
  }
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !(`node_modules/${name}` in packages || `${place}/node_modules/${name}` in packages),
    ),
  )
  expect(missing).toEqual([])
})

test(`no file of src is longer than ${LINES_MAX} lines`, () => {
  const long = files
    .filter((file) => file.startsWith('src/') && file.endsWith('.ts') && !LONG_ON_PURPOSE.has(file))
    .map((file) => ({ file, lines: read(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX)
  expect(long).toEqual([])
})

test('a note of work left to do names its issue', () => {
  expect(
    occurrences(
      code.filter((file) => file !== self),
      /\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d+)/,
    ),
  ).toEqual([])
})

test('no test is left out and none runs alone', () => {
  const tests = code.filter((file) => file.startsWith('test/') && file !== self)
  expect(occurrences(tests, /\b(it|test|describe)(\.\w+)*\.(only|skip|todo)\b/)).toEqual([])
})

test('no check is switched off in a file', () => {
  const others = code.filter((file) => file !== self && file !== 'eslint.config.js')
  expect(occurrences(others, /@ts-ignore|@ts-nocheck|eslint-disable|prettier-ignore/)).toEqual([])
})

test('no address of a package registry is committed', () => {
  const hosts = /https?:\/\/(registry|repo\d?|files|deb|index)\.[a-z.]+|"resolved": *"https?:/
  expect(occurrences(files, hosts).map((line) => line.slice(0, 160))).toEqual([])
})

test('no path of a developer machine is committed', () => {
  const others = files.filter((file) => file !== self)
  expect(
    occurrences(others, /(^|["'`\s(=])\/(work|home|Users|root|farm)\/[A-Za-z0-9_.]/).map((line) =>
      line.slice(0, 160),
    ),
  ).toEqual([])
})
