/**
 * `N.jsonl`: one value per line. A line has no key, no headers and no timestamp beside its value; the JSON decoder reads
 * the record's timestamp from the value where the pipeline names its path. Empty lines are no records.
 */
import type { Framing, FilePiece, ReadAt, SplitResult } from './framing.ts'
import { RECORD_BYTES_MAX } from './framing.ts'
import type { RecordColumns } from './record-columns.ts'
import { nextRecord } from './record-columns.ts'

const LINE_END = 0x0a
const CARRIAGE_RETURN = 0x0d
const SEARCH_BYTES = 64 * 1024

export const lineFraming: Framing = {
  extension: 'jsonl',
  headerBytes: 0,
  headerProblem: () => undefined,
  split: splitLines,
  isBoundary: followsLineEnd,
  lastBoundary: lastLineEnd,
}

function splitLines(piece: FilePiece, bytesMax: number, columns: RecordColumns): SplitResult {
  const { bytes, end, base } = piece
  const enough = piece.start + bytesMax
  let start = piece.start
  while (start < end) {
    const lineEnd = bytes.indexOf(LINE_END, start)
    if (lineEnd === -1 || lineEnd >= end) return tornLine(start, end)
    if (!isBlank(bytes, start, lineEnd)) {
      // At least one record, however long it is; then only what still fits.
      if (lineEnd >= enough && columns.count > 0) break
      addLine(columns, base, start, lineEnd)
    }
    start = lineEnd + 1
  }
  return { next: start, needed: 1, damage: undefined }
}

function addLine(columns: RecordColumns, base: number, start: number, end: number): void {
  const at = nextRecord(columns)
  columns.offsets[at] = base + start
  columns.timestamps[at] = NaN
  columns.keyStarts[at] = -1
  columns.keyEnds[at] = -1
  columns.valueStarts[at] = start
  columns.valueEnds[at] = end
}

function tornLine(start: number, end: number): SplitResult {
  const length = end - start
  const damage =
    length > RECORD_BYTES_MAX
      ? `a line of more than ${RECORD_BYTES_MAX} bytes; is this a file of JSON lines?`
      : undefined
  return { next: start, needed: length + 1, damage }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  return start === end || (end - start === 1 && bytes[start] === CARRIAGE_RETURN)
}

async function followsLineEnd(read: ReadAt, offset: number): Promise<boolean> {
  if (offset === 0) return true
  const before = await read(offset - 1, 1)
  return before[0] === LINE_END
}

async function lastLineEnd(read: ReadAt, from: number, size: number): Promise<number> {
  for (let end = size; end > from;) {
    const start = Math.max(from, end - SEARCH_BYTES)
    const found = (await read(start, end - start)).lastIndexOf(LINE_END)
    if (found !== -1) return start + found + 1
    end = start
  }
  return from
}
