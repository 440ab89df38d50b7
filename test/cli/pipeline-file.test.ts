import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findPipelineFile } from '../../src/cli/pipeline-file.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-file-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

function put(...names: string[]): void {
  for (const name of names) writeFileSync(path.join(directory, name), '')
}

describe('which pipeline file a command works on', () => {
  test.each(['tidemark.yaml', 'pipeline.yaml', 'shop.pipeline.yaml', 'shop.pipeline.yml'])(
    'the only one in the directory is taken: %s',
    (name) => {
      put(name, 'other.yaml', 'README.md')
      expect(findPipelineFile(undefined, directory)).toBe(path.join(directory, name))
    },
  )

  test('one that is named is taken as it is', () => {
    put('pipeline.yaml')
    expect(findPipelineFile('other.yaml', directory)).toBe('other.yaml')
  })

  test('none is an error that names the ways on', () => {
    expect(() => findPipelineFile(undefined, directory)).toThrow(
      /-f FILE.*tidemark init.*\[USAGE\]/,
    )
  })

  test('several are an error that names them', () => {
    put('a.pipeline.yaml', 'b.pipeline.yaml')
    expect(() => findPipelineFile(undefined, directory)).toThrow(
      /a\.pipeline\.yaml, b\.pipeline\.yaml/,
    )
  })
})
