/**
 * Reads what `FileRejectSink` wrote: each (position, reason) once, as it was written first. What a later generation judges again
 * in the same way is no other reject.
 */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Reject, RejectReason } from '../engine/reject-port.ts'
import { TidemarkError } from '../errors.ts'
import { DEAD_LETTERS, LATE } from './file-reject-sink.ts'
import { parseRejectLine } from './reject-line.ts'

const LINE_END = 0x0a

export interface RejectFilter {
  readonly partition?: number
  readonly reason?: RejectReason
}

/** The dead letters: every reject. None where nothing was ever rejected. */
export function readRejects(
  directory: string,
  filter: RejectFilter = {},
): AsyncGenerator<Reject, void, undefined> {
  return readFiles(join(directory, DEAD_LETTERS), filter)
}

/** The late ledger: the same lines of `too_late` only, kept longer. */
export function readLate(
  directory: string,
  filter: RejectFilter = {},
): AsyncGenerator<Reject, void, undefined> {
  return readFiles(join(directory, LATE), filter)
}

async function* readFiles(
  directory: string,
  { partition, reason }: RejectFilter,
): AsyncGenerator<Reject, void, undefined> {
  for (const number of await listPartitions(directory)) {
    if (partition !== undefined && number !== partition) continue
    const seen = new Set<string>()
    for await (const reject of readFile(join(directory, `${number}.jsonl`))) {
      const key = `${reject.offset}.${reject.reason}`
      if (seen.has(key)) continue
      seen.add(key)
      if (reason === undefined || reject.reason === reason) yield reject
    }
  }
}

async function listPartitions(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  return names
    .flatMap((name) => /^(\d+)\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b)
}

/** Whole lines: one without its end is being written, or was torn by a crash. */
async function* readFile(path: string): AsyncGenerator<Reject, void, undefined> {
  let number = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end; (end = bytes.indexOf(LINE_END, start)) !== -1; start = end + 1) {
      number++
      yield parse(path, number, bytes.toString('utf8', start, end))
    }
    rest = bytes.subarray(start)
  }
}

function parse(path: string, number: number, line: string): Reject {
  try {
    return parseRejectLine(line)
  } catch (cause) {
    throw new TidemarkError(
      'REJECTS_UNWRITABLE',
      `${path}: line ${number} is no reject (${String(cause)}). The file was changed by hand or is damaged: ` +
        'remove that line; the record itself is still in the log.',
      { cause },
    )
  }
}
