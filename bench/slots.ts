/**
 * Into how many hash slots should a day of a partition be split? Few large files close a day fastest; a correction writes
 * every slot that it touches anew, so many small ones cost it least while corrections are few.
 *
 * One partition, one view, `--events` entities: the close of a day in which all of them have a tile, then the flush of
 * corrections of that day, few and many.
 */
import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Pipeline } from '../src/core/definition.ts'
import type { Bench, BenchOptions } from './bench.ts'
import { benchPipeline, inPlace, runToEnd } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { createRandom } from './random.ts'
import { DAY_START_MS, HOUR_MS, append, someUsers, users } from './users.ts'

const CORRECTIONS = [1, 10, 1_000] as const

export const slots: Bench = {
  about:
    'the close of a day and the flush of corrections, by hash slots per day; count and time are of the close',
  unit: 'rows',
  events: 1_000_000,
  cases: [1, 2, 4, 8, 16, 32].map((count) => ({
    name: `${count} slot${count === 1 ? '' : 's'}`,
    run: (options: BenchOptions) => measureSlots(count, options),
  })),
}

function measureSlots(count: number, { events: entities }: BenchOptions): Promise<Measured> {
  return inPlace(async (place) => {
    const log = path.join(place, 'log')
    await mkdir(log)
    const pipeline = await benchPipeline({ encoding: 'json', log, place, slots: count })
    const source = { ...pipeline, sinks: offlineOnly(pipeline) }
    await append(log, users(entities, DAY_START_MS + HOUR_MS))
    await runToEnd(source)
    // The first event of the next day, late enough to close this one.
    await append(log, users(1, DAY_START_MS + 25 * HOUR_MS))
    const closed = await measure(async () => {
      const { partitions } = await runToEnd(source)
      return { count: partitions.reduce((rows, each) => rows + each.rowsWritten, 0) }
    })
    const notes: Record<string, number> = { files: await filesBelow(path.join(place, 'features')) }
    const random = createRandom(count)
    for (const corrections of CORRECTIONS) {
      await append(log, someUsers(corrections, entities, random))
      const { seconds, cpuSeconds } = await measure(async () => {
        await runToEnd(source)
        return { count: corrections }
      })
      notes[`${corrections} corrections, s`] = seconds
      notes[`${corrections} corrections, CPU s`] = cpuSeconds
    }
    return { ...closed, notes }
  })
}

function offlineOnly({ sinks }: Pipeline): Pipeline['sinks'] {
  return sinks.offline ? { offline: sinks.offline } : {}
}

async function filesBelow(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true })
  return names.filter((name) => name.endsWith('.parquet')).length
}
