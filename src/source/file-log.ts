/**
 * The embedded log: a directory with one append-only file per partition, `0.jsonl`, `1.jsonl` ... or `0.log`, `1.log` ...
 * It is followed like a topic or read to its end; other files of the directory are not looked at.
 */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { PartitionReader, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { FileReader } from './file-reader.ts'
import { frameFraming } from './frame-framing.ts'
import type { Framing } from './framing.ts'
import { lineFraming } from './line-framing.ts'

const PARTITION_FILE = /^(\d+)\.(jsonl|log)$/
const FRAMINGS: Readonly<Record<string, Framing>> = { jsonl: lineFraming, log: frameFraming }

export interface FileLogOptions {
  /** What positions are printed with; by default the directory's name. */
  readonly topic?: string
}

/** Nothing is opened before `open`, and each reader closes what it opened. */
export function createFileLog(directory: string, options: FileLogOptions = {}): RecordSource {
  const topic = options.topic ?? basename(directory)
  return {
    topic,
    topology: async () => ({ partitions: (await listPartitions(directory)).partitions }),
    origins: async () =>
      Array.from<number>({ length: (await listPartitions(directory)).partitions }).fill(0),
    open: (partition, offset) => openPartition(directory, topic, partition, offset),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function openPartition(
  directory: string,
  topic: string,
  partition: number,
  offset: number,
): Promise<PartitionReader> {
  const { partitions, framing } = await listPartitions(directory)
  if (partition < 0 || partition >= partitions) {
    throw unreadable(
      `${directory}: expected a file of partition ${partition}, found ${partitions} partition(s). ` +
        'Put the file back; a log never loses partitions.',
    )
  }
  const path = join(directory, `${partition}.${framing.extension}`)
  return FileReader.open({ path, topic, partition, framing }, offset)
}

interface Listing {
  readonly partitions: number
  readonly framing: Framing
}

async function listPartitions(directory: string): Promise<Listing> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw unreadable(
      `${directory}: cannot list the directory of the log (${String(cause)}). Check source.files and its permissions.`,
      cause,
    )
  })
  const found = names
    .map((name) => PARTITION_FILE.exec(name))
    .flatMap((match) =>
      match === null ? [] : [{ name: match[0], number: match[1]!, extension: match[2]! }],
    )
  const [first] = found
  if (first === undefined) {
    throw unreadable(
      `${directory}: expected 0.jsonl (one JSON value per line) or 0.log (framed log), found ${describe(names)}. ` +
        'Put the records of partition 0 there, those of partition 1 into 1.jsonl, and so on.',
    )
  }
  const mixed = found.find(({ extension }) => extension !== first.extension)
  if (mixed !== undefined) {
    throw unreadable(
      `${directory}: found both ${first.name} and ${mixed.name}; all files of a log have one framing. ` +
        'Move one kind into another directory.',
    )
  }
  const numbers = new Set(found.map(({ number }) => number))
  for (let number = 0; number < found.length; number++) {
    if (numbers.has(String(number))) continue
    throw unreadable(
      `${directory}: found ${describe(found.map(({ name }) => name))} but no ${number}.${first.extension}. ` +
        'Files are numbered from 0 without holes; an empty file is an empty partition.',
    )
  }
  return { partitions: found.length, framing: FRAMINGS[first.extension]! }
}

function describe(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const shown = names.slice(0, 5).toSorted().join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

function unreadable(message: string, cause?: unknown): TidemarkError {
  return new TidemarkError('SOURCE_UNREADABLE', message, { cause })
}
