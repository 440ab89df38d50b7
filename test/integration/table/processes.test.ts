/** The table under several processes: writers that overlap, are killed, or meet a full disk, and readers meanwhile. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatDay } from '../../../src/core/day.ts'
import { runJob, userOf, type WriterJob } from '../../support/table-writer.ts'
import {
  finish,
  readIndependently,
  startWriter,
  type ReaderReport,
} from '../../support/table-processes.ts'

const DAY = 11_327 // 2001-01-05
const NAME = 'user_activity_v1'
const PER_SLOT = `select substr(user_id, 1, 5) as slot, ds, count(*) as n, min(clicks_1d) as lo, max(clicks_1d) as hi from t group by substr(user_id, 1, 5), ds order by ds, slot`

let directory: string
let table: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-processes-'))
  table = join(directory, NAME)
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

function jobOf(parts: Partial<WriterJob>): WriterJob {
  return { directory, partitions: [0], days: [DAY], slots: 2, positions: [], ...parts }
}

/** One line per slot as it must read in the end: three rows of the highest position. */
function expected(
  job: Required<Pick<WriterJob, 'partitions' | 'days' | 'slots'>>,
  position: number,
): unknown[][] {
  return job.days.flatMap((day) =>
    job.partitions.flatMap((partition) =>
      Array.from({ length: job.slots }, (_, slot) => {
        return [userOf(partition, slot, 0).slice(0, 5), formatDay(day), 3, position, position]
      }),
    ),
  )
}

async function activeSlots(): Promise<string[]> {
  const names = new Set<string>()
  for (const file of (await readdir(join(table, '_delta_log')))
    .filter((name) => name.endsWith('.json'))
    .sort()) {
    for (const line of (await readFile(join(table, '_delta_log', file), 'utf8'))
      .trim()
      .split('\n')) {
      const action = JSON.parse(line) as { add?: { path: string }; remove?: { path: string } }
      if (action.add) names.add(action.add.path)
      if (action.remove) names.delete(action.remove.path)
    }
  }
  return [...names].map((path) => path.replace(/-g\d+-x.*/, '')).sort()
}

test('T14 processes that write the same slots lose nothing: one file per slot, of the highest position', async () => {
  const shared = { partitions: [0, 1], days: [DAY, DAY + 1], slots: 2 }
  const writers = [0, 1, 2, 3].map((writer) => {
    // Each has every fourth position, in its own order: newer and older ones meet all the time.
    const positions = Array.from({ length: 8 }, (_, i) => ((i * 5) % 8) * 4 + writer)
    return finish(startWriter(jobOf({ ...shared, positions })))
  })
  const finished = await Promise.all(writers)
  expect(finished.map(({ code, stderr }) => [code, stderr])).toEqual(finished.map(() => [0, '']))
  const results = finished.map(
    ({ stdout }) => JSON.parse(stdout) as { applied: number; dropped: number },
  )
  expect(results.reduce((sum, { applied, dropped }) => sum + applied + dropped, 0)).toBe(4 * 8 * 8)
  expect((await activeSlots()).length).toBe(8)
  expect(new Set(await activeSlots()).size).toBe(8)
  for (const report of await readIndependently(table, [
    '--keys',
    'user_id,ds',
    '--sql',
    PER_SLOT,
  ])) {
    expect(report.duplicates).toBe(0)
    expect(report.result).toEqual(expected(shared, 31))
  }
})

test('T12 readers while a writer runs and compacts see each row once, and never lose one again', async () => {
  const shared = { partitions: [0, 1], days: [DAY, DAY + 1, DAY + 2], slots: 3 }
  const first = jobOf({ ...shared, positions: [1] })
  expect((await finish(startWriter(first))).code).toBe(0)
  const positions = Array.from({ length: 60 }, (_, i) => i + 2)
  const writer = finish(startWriter(jobOf({ ...shared, positions, compact: true })))
  const reports: ReaderReport[] = []
  const state = { running: true }
  void writer.then(() => (state.running = false))
  while (state.running) {
    reports.push(
      ...(await readIndependently(table, [
        '--keys',
        'user_id,ds',
        '--sql',
        PER_SLOT,
        '--repeat',
        '4',
      ])),
    )
  }
  expect(await writer).toMatchObject({ code: 0 })
  const reads = reports.filter(({ reader }) => reader !== 'end')
  expect(reads.length).toBeGreaterThan(20)
  const seen = new Map<string, number>()
  for (const { reader, duplicates, result } of reads) {
    expect(duplicates).toBe(0)
    expect(result.map(([, , n]) => n)).toEqual(Array.from({ length: 18 }, () => 3))
    for (const [slot, ds, , low, high] of result) {
      expect(low).toBe(high)
      const key = `${reader} ${slot} ${ds}`
      expect(Number(low)).toBeGreaterThanOrEqual(seen.get(key) ?? 0)
      seen.set(key, Number(low))
    }
  }
  expect(new Set(seen.values()).size).toBeGreaterThan(0)
  const last = await readIndependently(table, ['--sql', PER_SLOT])
  for (const { result } of last) expect(result).toEqual(expected(shared, 61))
})

test('T13 a writer that is killed at any moment leaves a table that reads, and the next one ends it', async () => {
  const shared = { partitions: [0], days: [DAY, DAY + 1], slots: 3 }
  const positions = Array.from({ length: 60 }, (_, i) => i + 1)
  for (let round = 0; round < 6; round++) {
    const child = startWriter(jobOf({ ...shared, positions: positions.map((p) => p + round * 10) }))
    const done = finish(child)
    await setTimeout(900 + round * 170)
    child.kill('SIGKILL')
    await done
  }
  const job = jobOf({ ...shared, positions: [1000] })
  await runJob(job)
  await runJob(job)
  for (const report of await readIndependently(table, [
    '--keys',
    'user_id,ds',
    '--sql',
    PER_SLOT,
  ])) {
    expect(report).toMatchObject({ duplicates: 0, rows: 18 })
    expect(report.result).toEqual(expected(shared, 1000))
  }
})

test('a file that the system will not let grow is TABLE_REFUSED in words, and the table stays readable', async () => {
  await runJob(jobOf({ positions: [1] }))
  const job = jobOf({ positions: [2], rows: 60_000, slots: 1 })
  const { code, stdout, stderr } = await finish(startWriter(job, 'trap "" XFSZ; ulimit -f 8'))
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringMatching(
      /cannot write ds=2001-01-05.*larger than this process may write/,
    ) as string,
  })
  for (const report of await readIndependently(table, ['--sql', PER_SLOT])) {
    expect(report.result).toEqual(expected({ partitions: [0], days: [DAY], slots: 2 }, 1))
  }
  const staged = await readdir(join(directory, '_tidemark/staging'))
  expect(staged).toEqual([])
})

test('a directory that may not be written is TABLE_REFUSED and says whom to ask', async () => {
  await runJob(jobOf({ positions: [1] }))
  await mkdir(join(directory, '_duckdb'), { recursive: true })
  for (const folder of [
    '',
    NAME,
    `${NAME}/_delta_log`,
    '_tidemark',
    '_tidemark/staging',
    '_duckdb',
  ]) {
    await chmod(join(directory, folder), 0o555)
  }
  const job = jobOf({ positions: [2], unprivileged: true })
  const { code, stdout } = await finish(startWriter(job))
  for (const folder of [
    '',
    NAME,
    `${NAME}/_delta_log`,
    '_tidemark',
    '_tidemark/staging',
    '_duckdb',
  ]) {
    await chmod(join(directory, folder), 0o755)
  }
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringContaining('check owner and mode') as string,
  })
})
