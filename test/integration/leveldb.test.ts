/** The LevelDB state against what only processes and disks do: kill -9, a full disk, a reader beside the writer. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { TidemarkError } from '../../src/errors.ts'
import { openStateCopy } from '../../src/leveldb/readers.ts'
import { LevelPartitionState } from '../../src/leveldb/state.ts'
import { stateCommit, tile } from '../conformance/state-fixtures.ts'
import { BATCH, boundsAt, expectHistory, tilesAt } from './state-history.ts'
import { SEED } from '../support/seed.ts'

const root = mkdtempSync(path.join(tmpdir(), 'tidemark-leveldb-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Writer {
  readonly process: ChildProcess
  /** The next offset of the last commit that it printed. */
  acknowledged(): number
  exited(): Promise<unknown>
}

function startWriter(directory: string): Writer {
  const script = path.join(import.meta.dirname, 'state-writer.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = new Promise((resolve) => child.once('exit', resolve))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-200)
  })
  return {
    process: child,
    // The last line may be incomplete.
    acknowledged: () => Number(text.split('\n').at(-2) ?? 0),
    exited: () => exit,
  }
}

async function untilAcknowledged(writer: Writer, offset: number): Promise<void> {
  for (let waits = 0; writer.acknowledged() < offset; waits += 1) {
    expect(writer.process.exitCode).toBeNull()
    expect(waits).toBeLessThan(5_000)
    await setTimeout(5)
  }
}

test('T21 kill -9 at random moments loses nothing that was acknowledged and leaves no batch by half', async () => {
  const directory = path.join(root, 'killed')
  let random = SEED
  let offset = 0
  for (let round = 0; round < 6; round += 1) {
    random = (Math.imul(random, 48_271) >>> 0) % 0x7fffffff
    const writer = startWriter(directory)
    await untilAcknowledged(writer, offset + BATCH)
    await setTimeout(random % 400)
    writer.process.kill('SIGKILL')
    await writer.exited()
    await using state = await LevelPartitionState.open(directory)
    const next = state.head?.nextOffset ?? 0
    expect(next, `seed ${SEED}, round ${round}`).toBeGreaterThanOrEqual(writer.acknowledged())
    expect(next % BATCH).toBe(0)
    await expectHistory(state)
    offset = next
  }
  expect(offset).toBeGreaterThan(6 * BATCH)
})

test('a reader beside a writing process reads whole commits, each at least as new as the last', async () => {
  const directory = path.join(root, 'read')
  expect(await openStateCopy(directory)).toBeUndefined()
  const writer = startWriter(directory)
  try {
    await untilAcknowledged(writer, BATCH)
    let last = 0
    for (let i = 0; i < 15; i += 1) {
      const acknowledged = writer.acknowledged()
      await using copy = await openStateCopy(directory)
      if (copy === undefined) throw new Error('the state is there')
      expect(copy.head?.nextOffset).toBeGreaterThanOrEqual(Math.max(last, acknowledged))
      last = copy.head?.nextOffset ?? 0
      await expectHistory(copy)
      await expect(LevelPartitionState.open(directory)).rejects.toMatchObject({
        code: 'STATE_LOCKED',
      })
    }
    expect(last).toBeGreaterThan(BATCH)
    expect(writer.process.exitCode).toBeNull()
  } finally {
    writer.process.kill('SIGKILL')
    await writer.exited()
  }
  await using state = await LevelPartitionState.open(directory)
  await expectHistory(state)
  expect(readdirSync(directory).filter((name) => name.startsWith('copy-'))).toEqual([])
})

function mountSmallDisk(directory: string): boolean {
  mkdirSync(directory)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tidemark-test', directory], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

test('a full disk stops the state for good, and what was acknowledged is there afterwards', async (context) => {
  const disk = path.join(root, 'disk')
  if (!mountSmallDisk(disk)) context.skip('a small disk cannot be mounted: needs root')
  try {
    const state = await LevelPartitionState.open(path.join(disk, 'state'))
    const { acknowledged, error } = await commitUntilRefused(state)
    expect(error).toMatchObject({ code: 'STATE_WRITE_FAILED', retryable: false })
    expect((error as Error).message).toMatch(/No space left on device.*Check the space/)
    await expect(state.commit(stateCommit(10 ** 9))).rejects.toBe(error)
    await expect(state.tiles(0, [tile('a', 1, 0)])).rejects.toBe(error)
    await expect(state.maintain(boundsAt(0))).rejects.toBe(error)
    await state[Symbol.asyncDispose]()
    const roomier = path.join(root, 'roomier')
    cpSync(path.join(disk, 'state'), roomier, { recursive: true })
    await using reopened = await LevelPartitionState.open(roomier)
    expect(reopened.head?.nextOffset).toBeGreaterThanOrEqual(acknowledged)
    expect(reopened.head?.nextOffset).toBeLessThanOrEqual(acknowledged + BATCH)
    await expectHistory(reopened)
  } finally {
    execFileSync('umount', [disk])
  }
})

async function commitUntilRefused(
  state: LevelPartitionState,
): Promise<{ readonly acknowledged: number; readonly error: unknown }> {
  for (let offset = 0; offset < 10 ** 7; offset += BATCH) {
    // A last tile, beyond the days that are compared, fills the disk.
    const ballast = {
      ...tile('ballast', -10, offset),
      bytes: new Uint8Array(100_000).fill(offset % 251),
    }
    try {
      await state.commit(stateCommit(offset + BATCH, { tiles: [...tilesAt(offset), ballast] }))
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      return { acknowledged: offset, error }
    }
  }
  throw new Error('the disk never filled up')
}

/**
 * google/leveldb#320: LevelDB 1.20 returns old values where an iterator or snapshot is open while others write. Ours never
 * is; so each value must read right through the conditions of that issue: blind overwrites, big values, many compactions,
 * and short iterators between the batches.
 */
test('regression: 200,000 overwrites with short reads between them read right, every key of them', async () => {
  const directory = path.join(root, 'overwrites')
  await using state = await LevelPartitionState.open(directory, { writeBufferBytes: 2 ** 20 })
  const keys = 8_000
  const perCommit = 2_000
  const newest = new Map<string, number>()
  const padding = 'v'.repeat(300)
  let random = 1
  for (let offset = 0; offset < 200_000; offset += perCommit) {
    const tiles = Array.from({ length: perCommit }, (_, i) => {
      random = (random * 48_271) % 0x7fffffff
      const entity = `key:${random % keys}`
      newest.set(entity, offset + i)
      return tile(entity, 1, offset + i, `${offset + i}:${padding}`)
    })
    await state.commit(stateCommit(offset + perCommit, { tiles }))
    await state.scan(0, 0, `key:${offset % keys}`, 500)
    if (offset % 50_000 === 0) await expectNewest(state, newest)
  }
  await expectNewest(state, newest)
})

async function expectNewest(
  state: LevelPartitionState,
  newest: ReadonlyMap<string, number>,
): Promise<void> {
  const keys = [...newest.keys()]
  const found = await state.tiles(
    0,
    keys.map((entity) => ({ slot: 0, entity, day: 1 })),
  )
  const wrong = keys.filter((entity, i) => {
    return (
      Number(
        Buffer.from(found[i] ?? [])
          .toString()
          .split(':')[0],
      ) !== newest.get(entity)
    )
  })
  expect(wrong).toEqual([])
}
