/** The workload as files, written once for each size and encoding to `.cache/bench`. */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { FileLogWriter } from '../src/source/file-log-writer.ts'
import { AvroEncoder, encodeJson, PARTITIONS, partitionOf, workload } from './workload.ts'
import type { Encoding, WorkloadEvent } from './workload.ts'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
export const CACHE = path.resolve(process.env['BENCH_CACHE'] ?? path.join(ROOT, '.cache/bench'))

/** The directory of the log. */
export async function workloadLog(encoding: Encoding, events: number): Promise<string> {
  const directory = path.join(CACHE, `w1-${encoding}-${events}`)
  if (existsSync(directory)) return directory
  const unfinished = `${directory}.tmp-${process.pid}`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  const writers: FileLogWriter[] = []
  try {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      writers.push(await FileLogWriter.open(unfinished, partition, 'log'))
    }
    const encode = valueEncoder(encoding)
    for (const event of workload(events)) {
      const user = `u${event.user}`
      writers[partitionOf(user)]?.append({
        key: Buffer.from(user),
        value: encode(event),
        timestamp: event.writtenMs,
      })
    }
  } finally {
    for (const writer of writers) await writer[Symbol.asyncDispose]()
  }
  await rename(unfinished, directory)
  return directory
}

function valueEncoder(encoding: Encoding): (event: WorkloadEvent) => Buffer {
  if (encoding === 'json') return (event) => Buffer.from(encodeJson(event))
  const encoder = new AvroEncoder()
  return (event) => encoder.encode(event)
}
