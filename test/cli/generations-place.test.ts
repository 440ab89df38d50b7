/** Where the generation's record is: with what outlives this machine, so that whoever takes over finds it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OpenedParts, openRunParts } from '../../src/cli/compose.ts'
import { systemClock } from '../../src/cli/system-clock.ts'
import { loadPipeline } from '../../src/definition/load.ts'
import { FileLogWriter } from '../../src/source/file-log-writer.ts'
import { SHOP, changed } from '../definition/definition-text.ts'
import { SILENT } from '../support/silent-log.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tidemark-place-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

const TABLES = '  offline: { delta: ./features }\n'
const WITHOUT_TABLES = changed(SHOP, TABLES, '')

test.each([
  ['beside the tables', `${SHOP}checkpoints: { store: ./kept }`, 'features'],
  [
    'without tables in the checkpoint store',
    `${WITHOUT_TABLES}checkpoints: { store: ./kept }`,
    'kept',
  ],
  ['with neither beside the state', WITHOUT_TABLES, 'state'],
])('%s', async (_, text, place) => {
  const file = path.join(directory, 'pipeline.yaml')
  await writeFile(file, text)
  await using writer = await FileLogWriter.open(path.join(directory, 'events'), 0, 'jsonl')
  writer.append({ key: null, value: Buffer.from('{}') })
  await using opened = new OpenedParts()
  const surroundings = { clock: systemClock, log: SILENT }
  const { generations } = await openRunParts(await loadPipeline(file), opened, surroundings)
  await generations.put(1, '{}')
  expect(await readdir(path.join(directory, place, '_tidemark/generations'))).toEqual([
    '000001.json',
  ])
})
