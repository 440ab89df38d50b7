/**
 * Late records that generations accept, as files beside the generations' records: a line of JSON per record with its bytes in
 * base64. A file is named by the positions that it holds, all that a generation accepts; so the next generation that accepts no
 * more finds the same file, and two that are planned at the same time do not meet.
 */
import { createHash } from 'node:crypto'
import type { Accepted, AmendedRecords, KeptRecord } from '../engine/amended-port.ts'
import type { ObjectStorage } from './object-storage.ts'

const FOLDER = '_tidemark/amendments'

export class AmendedFiles implements AmendedRecords {
  readonly #storage: ObjectStorage

  constructor(storage: ObjectStorage) {
    this.#storage = storage
  }

  async put(records: readonly KeptRecord[]): Promise<void> {
    const sorted = records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
    // Where it is there already, it holds the same.
    await this.#storage.putIfAbsent(pathOf(sorted), Buffer.from(sorted.map(formatLine).join('')))
  }

  async get(accepted: readonly Accepted[]): Promise<readonly KeptRecord[] | undefined> {
    const bytes = await this.#storage.get(pathOf(accepted))
    if (bytes === undefined) return undefined
    const lines = Buffer.from(bytes).toString('utf8').split('\n')
    return lines.filter((line) => line !== '').map(parseLine)
  }

  place(accepted: readonly Accepted[]): string {
    return `${this.#storage.location.replace(/\/$/, '')}/${pathOf(accepted)}`
  }
}

function pathOf(
  positions: readonly { readonly partition: number; readonly offset: number }[],
): string {
  const hash = createHash('sha256')
  for (const { partition, offset } of positions) hash.update(`${partition}@${offset}\n`)
  return `${FOLDER}/${hash.digest('hex').slice(0, 32)}.jsonl`
}

interface Line {
  readonly partition: number
  readonly offset: number
  /** Null where the log has none. */
  readonly timestamp: number | null
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
}

function formatLine({ partition, offset, timestamp, key, value, headers }: KeptRecord): string {
  const line: Line = {
    partition,
    offset,
    timestamp: Number.isNaN(timestamp) ? null : timestamp,
    key: toText(key),
    value: toText(value),
    headers: headers.map((header) => ({ key: header.key, value: toText(header.value) })),
  }
  return `${JSON.stringify(line)}\n`
}

function parseLine(text: string): KeptRecord {
  const line = JSON.parse(text) as Line
  return {
    ...line,
    timestamp: line.timestamp ?? NaN,
    key: toBytes(line.key),
    value: toBytes(line.value),
    headers: line.headers.map(({ key, value }) => ({ key, value: toBytes(value) })),
  }
}

function toText(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

function toBytes(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
