/**
 * Archives as JSON lines, plain or gzipped. A line carries its position in members of its own (`_partition`, `_offset`, `_timestamp`) and
 * the event beside them, or under `_value`: as a text, which is the record's value byte for byte, or as an object.
 *
 *     {"_partition":0,"_offset":12,"_timestamp":1767607200000,"user_id":"u1","amount":5}
 *     {"_partition":0,"_offset":12,"_timestamp":1767607200000,"_key":"u1","_value":"{\"user_id\":\"u1\",\"amount\":5}"}
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { parseInstant } from '../core/instant.ts'
import type {
  ArchiveColumns,
  ArchivedRecord,
  ArchiveFileName,
  ArchiveFileFacts,
  ArchiveFormat,
  ArchiveLayout,
} from '../engine/archive-port.ts'
import { unreadable } from './archived-file.ts'
import { SpanTally } from '../core/offset-span.ts'

const LINE_END = 0x0a
const LINE_BYTES_MAX = 64 * 1024 * 1024
const READ_BYTES = 1024 * 1024

type Line = Readonly<Record<string, unknown>>

interface Position {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
}

export const jsonLines: ArchiveFormat = { examine, records }

async function examine(file: ArchiveFileName, columns: ArchiveColumns): Promise<ArchiveFileFacts> {
  const tally = new SpanTally()
  let hasPositions: boolean | undefined
  let layout: ArchiveLayout = 'fields'
  let number = 0
  for await (const lines of linesOf(file)) {
    for (const bytes of lines) {
      number += 1
      const line = parsed(bytes)
      const at = line && positionOf(line, { file, columns, number })
      hasPositions ??= at !== undefined
      if (hasPositions !== (at !== undefined)) throw noPosition(file, number, columns)
      if (line !== undefined && layout === 'fields') layout = layoutOf(line, columns)
      tally.add(at?.partition ?? 0, at?.offset ?? number - 1)
    }
  }
  return { hasPositions: hasPositions ?? true, layout, spans: tally.spans, instants: [], lacks: [] }
}

async function* records(
  file: ArchiveFileName,
  wish: Parameters<ArchiveFormat['records']>[1],
): AsyncGenerator<readonly ArchivedRecord[]> {
  const { columns, facts, partition, from } = wish
  const placeOf = facts.hasPositions ? positionIn(file, columns) : placeAlone
  let number = 0
  for await (const lines of linesOf(file)) {
    const piece: ArchivedRecord[] = []
    for (const bytes of lines) {
      number += 1
      const line = parsed(bytes)
      const at = placeOf(line, number)
      if (at.partition !== partition || at.offset < from) continue
      const isWhole = facts.layout === 'whole' && line !== undefined
      piece.push({
        offset: at.offset,
        timestamp: instantOf(line?.[columns.timestamp]) ?? NaN,
        key: bytesOf(line?.[columns.key], false),
        value: isWhole ? bytesOf(line[columns.value], columns.isBase64) : bytes,
      })
    }
    yield piece
  }
}

type PlaceOf = (
  line: Line | undefined,
  number: number,
) => { readonly partition: number; readonly offset: number }

function positionIn(file: ArchiveFileName, columns: ArchiveColumns): PlaceOf {
  return (line, number) => {
    const at = line && positionOf(line, { file, columns, number })
    if (at === undefined) throw noPosition(file, number, columns)
    return at
  }
}

function placeAlone(_: Line | undefined, number: number): { partition: number; offset: number } {
  return { partition: 0, offset: number - 1 }
}

/** Undefined: not an object, which only an archive without positions may have; it is a record that cannot be decoded. */
function parsed(bytes: Buffer): Line | undefined {
  try {
    const line: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof line === 'object' && line !== null && !Array.isArray(line)
      ? (line as Line)
      : undefined
  } catch {
    return undefined
  }
}

/** Undefined where a line has none of it. @throws SOURCE_UNREADABLE where it has some */
function positionOf(
  line: Line,
  {
    file,
    columns,
    number,
  }: {
    readonly file: ArchiveFileName
    readonly columns: ArchiveColumns
    readonly number: number
  },
): Position | undefined {
  const found = {
    partition: integerOf(line[columns.partition] ?? file.hive.get(columns.partition)),
    offset: integerOf(line[columns.offset]),
    timestamp: instantOf(line[columns.timestamp]),
  }
  const { partition, offset, timestamp } = found
  if (partition !== undefined && offset !== undefined && timestamp !== undefined)
    return { partition, offset, timestamp }
  // A directory's partition or a timestamp alone are no position.
  if (offset === undefined) return undefined
  const lacking = partition === undefined ? columns.partition : columns.timestamp
  throw unreadable(
    `${file.name}, line ${number}: expected ${columns.partition}, ${columns.offset} and ${columns.timestamp} as integers (the timestamp in ms, or ISO 8601), found ${columns.offset} but no ${lacking}. If it has another name, say so: --archive-columns ${lacking}=COLUMN`,
  )
}

function noPosition(file: ArchiveFileName, number: number, columns: ArchiveColumns): Error {
  return unreadable(
    `${file.name}, line ${number}: no JSON object with ${columns.partition}, ${columns.offset} and ${columns.timestamp}, which other lines have. The file is damaged, or two kinds are mixed in it`,
  )
}

function layoutOf(line: Line, { value }: ArchiveColumns): ArchiveLayout {
  const found = line[value]
  if (typeof found === 'string') return 'whole'
  return typeof found === 'object' && found !== null ? 'nested' : 'fields'
}

function integerOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined
}

function instantOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value !== 'string') return undefined
  if (/^-?\d{1,16}$/.test(value)) return Number(value)
  const instant = parseInstant(value)
  return typeof instant === 'number' ? instant : undefined
}

function bytesOf(value: unknown, isBase64: boolean): Uint8Array | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return Buffer.from(value, isBase64 ? 'base64' : 'utf8')
  return Buffer.from(JSON.stringify(value))
}

/** Lines without their ends and without blank ones, some at a time. @throws SOURCE_UNREADABLE */
async function* linesOf(file: ArchiveFileName): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of bytesIn(file)) {
      const bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer])
      const lines: Buffer[] = []
      let start = 0
      for (let end; (end = bytes.indexOf(LINE_END, start)) >= 0; start = end + 1)
        pushLine(lines, bytes.subarray(start, end))
      rest = bytes.subarray(start)
      if (rest.length > LINE_BYTES_MAX)
        throw unreadable(
          `${file.name}: a line of more than ${LINE_BYTES_MAX} bytes; are these JSON lines?`,
        )
      if (lines.length > 0) yield lines
    }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && !('retryable' in cause))
      throw unreadable(`${file.name}: cannot be read: ${cause.message}`, cause)
    throw cause
  }
  const last: Buffer[] = []
  pushLine(last, rest)
  if (last.length > 0) yield last
}

function pushLine(lines: Buffer[], line: Buffer): void {
  const end = line.at(-1) === 0x0d ? line.length - 1 : line.length
  if (end > 0) lines.push(line.subarray(0, end))
}

function bytesIn({ path, name }: ArchiveFileName): Readable {
  const file = createReadStream(path, { highWaterMark: READ_BYTES })
  if (!name.endsWith('.gz')) return file
  const plain = createGunzip()
  file.on('error', (error) => plain.destroy(error))
  plain.on('close', () => file.destroy())
  return file.pipe(plain)
}
