/**
 * States and tables that are not what they were: a piece is gone, damaged, older, or another one's. Refused before anything
 * is read or written, never repaired; the test does what the message says, and all sinks are right.
 */
import {
  cpSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { StopScene } from './stop-scene.ts'

let scene: StopScene
/** State and tables as two runs have left them, and as only the first had. */
const AFTER_TWO = 'after-two'
const AFTER_ONE = 'after-one'
/** Several of its blocks, so that one may be missing before others that are there. */
const LOG_BYTES = 100_000

beforeAll(async () => {
  scene = await StopScene.create()
  await scene.visit(() => tableVersions() > 2)
  keep(AFTER_ONE)
  const before = tableVersions()
  await scene.visit(() => tableVersions() > before + 1 && statSync(fileOf('.log')).size > LOG_BYTES)
  keep(AFTER_TWO)
  await scene.rest()
})
afterAll(() => scene[Symbol.asyncDispose]())

/** Sinks are further than this state by then, as after a restart of a machine from its disk's last copy. */
beforeEach(async () => {
  bring(AFTER_TWO, 'state')
  await scene.produce()
})
afterEach(() => scene.rest())

function keep(name: string): void {
  for (const place of ['state', 'features']) {
    cpSync(at(place), at(name, place), { recursive: true })
  }
}

function bring(name: string, place: 'state' | 'features'): void {
  rmSync(at(place), { recursive: true, force: true })
  cpSync(at(name, place), at(place), { recursive: true })
}

function at(...names: readonly string[]): string {
  return path.join(scene.world.directory, ...names)
}

function tableVersions(): number {
  return readdirSync(at('features', 'activity_v1', '_delta_log')).length
}

/** The largest file of this kind in the state of partition 0. */
function fileOf(extension: string): string {
  const directory = scene.stateOf(0)
  const files = readdirSync(directory)
    .filter((name) => name.endsWith(extension))
    .map((name) => path.join(directory, name))
  const [largest] = files.sort((a, b) => statSync(b).size - statSync(a).size)
  if (largest === undefined) throw new Error(`no ${extension} in ${directory}`)
  return largest
}

function zero(file: string, share: number, length: number): void {
  const bytes = readFileSync(file)
  const start = Math.floor(bytes.length * share)
  writeFileSync(file, bytes.fill(0, start, start + length))
}

test.each([
  ['a block of zeros in a table', () => zero(fileOf('.ldb'), 0.3, 512), /checksum of .* is wrong/],
  ['a table is missing', () => rmSync(fileOf('.ldb')), /missing/],
  ['a block of zeros in the log', () => zero(fileOf('.log'), 0.3, 512), /batch.* missing/],
  [
    'CURRENT is missing',
    () => rmSync(path.join(scene.stateOf(0), 'CURRENT')),
    /CURRENT is missing/,
  ],
])(
  'a state is damaged: %s: STATE_DAMAGED, and moved away it is built again',
  async (_, harm, words) => {
    harm()
    const files = readdirSync(scene.stateOf(0))
    const { code, message } = await scene.stopped(scene.start())
    expect(code).toBe('STATE_DAMAGED')
    expect(message).toContain(scene.stateOf(0))
    expect(message).not.toContain('/copy-')
    expect(message).toMatch(words)
    expect(message).toMatch(/move the directory away and start again/)
    expect(readdirSync(scene.stateOf(0))).toEqual(files)
    renameSync(scene.stateOf(0), at(`damaged-${Date.now()}`))
    await scene.expectTheLaw()
  },
)

test('the log of a state is cut off: an earlier commit, from which it goes on', async () => {
  const log = fileOf('.log')
  writeFileSync(log, readFileSync(log).subarray(0, statSync(log).size / 2))
  await scene.expectTheLaw()
})

test('the states of two partitions are swapped: STATE_DAMAGED, and each back in its place', async () => {
  const swap = (): void => {
    renameSync(scene.stateOf(0), at('swapped'))
    renameSync(scene.stateOf(1), scene.stateOf(0))
    renameSync(at('swapped'), scene.stateOf(1))
  }
  swap()
  const { code, message } = await scene.stopped(scene.start())
  expect(code).toBe('STATE_DAMAGED')
  expect(message).toMatch(
    /the state of partition (\d) says that it belongs to pipeline killed, partition (?!\1)\d.*put each back in its place/,
  )
  swap()
  await scene.expectTheLaw()
})

test('the record of the generation is deleted: it is written again, and all goes on', async () => {
  const records = at('features', '_tidemark', 'generations')
  const [name = ''] = readdirSync(records)
  const before = readFileSync(path.join(records, name), 'utf8')
  rmSync(records, { recursive: true })
  await scene.expectTheLaw()
  expect(readFileSync(path.join(records, name), 'utf8')).toBe(before)
})

test.each([
  [
    'an older copy',
    () => bring(AFTER_ONE, 'features'),
    /(version \d+|up to \d{4}-\d\d-\d\d), but the state has written /,
  ],
  [
    'deleted',
    () => rmSync(at('features'), { recursive: true }),
    /for no day, but the state has written it up to/,
  ],
])(
  'the tables are %s: TABLE_REFUSED; with the state moved away too, the log fills both',
  async (_, harm, words) => {
    harm()
    const { code, message } = await scene.stopped(scene.start())
    expect(code).toBe('TABLE_REFUSED')
    expect(message).toMatch(words)
    expect(message).toMatch(
      /Bring the table back; or move the state, and checkpoints of it, away too and run again/,
    )
    renameSync(at('state'), at(`moved-${Date.now()}`))
    await scene.expectTheLaw()
  },
)
