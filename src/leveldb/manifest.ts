/**
 * LevelDB's own list of its files. MANIFEST is a log of edits in blocks of 32 KiB; together they say which tables are
 * alive, and from which log on records are not in tables yet. A table is complete and synced before the edit that names
 * it is appended, so the list never names a half-written one; an incomplete last edit is overlooked, as LevelDB does.
 */
import { invariant } from '../errors.ts'

const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const RecordType = { FULL: 1, FIRST: 2, MIDDLE: 3, LAST: 4 } as const
const Tag = {
  COMPARATOR: 1,
  LOG_NUMBER: 2,
  NEXT_FILE: 3,
  LAST_SEQUENCE: 4,
  COMPACT_POINTER: 5,
  DELETED_FILE: 6,
  NEW_FILE: 7,
  PREVIOUS_LOG: 9,
} as const

export interface Manifest {
  /** File number -> bytes, of the tables that are alive. */
  readonly tables: ReadonlyMap<number, number>
  /** Logs of lower numbers are in tables. */
  readonly logNumber: number
}

export function parseManifest(bytes: Buffer): Manifest {
  const tables = new Map<number, number>()
  let logNumber = 0
  for (const edit of edits(bytes)) {
    const reader = editReader(edit)
    while (!reader.atEnd()) logNumber = applyField(reader, tables) ?? logNumber
  }
  return { tables, logNumber }
}

function* edits(bytes: Buffer): Generator<Buffer> {
  let at = 0
  let parts: Buffer[] = []
  while (at + HEADER_BYTES <= bytes.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left
      continue
    }
    const length = bytes.readUInt16LE(at + 4)
    const type = bytes[at + 6]
    const end = at + HEADER_BYTES + length
    if ((type === 0 && length === 0) || end > bytes.length) return
    const part = bytes.subarray(at + HEADER_BYTES, end)
    if (type === RecordType.FULL || type === RecordType.FIRST) parts = []
    parts.push(part)
    if (type === RecordType.FULL || type === RecordType.LAST) yield Buffer.concat(parts)
    at = end
  }
}

interface EditReader {
  atEnd(): boolean
  number(): number
  skipText(): void
}

function editReader(edit: Buffer): EditReader {
  let at = 0
  const number = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = edit[at++] ?? 0
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }
  return {
    atEnd: () => at >= edit.length,
    number,
    skipText: () => {
      const length = number()
      at += length
    },
  }
}

/** Applies one field of an edit; returns the log number where the field is one. */
function applyField(reader: EditReader, tables: Map<number, number>): number | undefined {
  const tag = reader.number()
  switch (tag) {
    case Tag.LOG_NUMBER:
      return reader.number()
    case Tag.COMPARATOR:
      reader.skipText()
      return undefined
    case Tag.NEXT_FILE:
    case Tag.LAST_SEQUENCE:
    case Tag.PREVIOUS_LOG:
      reader.number()
      return undefined
    case Tag.COMPACT_POINTER:
      reader.number()
      reader.skipText()
      return undefined
    case Tag.DELETED_FILE:
      reader.number()
      tables.delete(reader.number())
      return undefined
    case Tag.NEW_FILE: {
      reader.number()
      const table = reader.number()
      tables.set(table, reader.number())
      reader.skipText()
      reader.skipText()
      return undefined
    }
    default:
      invariant(false, `a field of LevelDB's MANIFEST is known: ${tag}`)
  }
}
