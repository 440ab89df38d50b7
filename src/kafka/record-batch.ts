/**
 * Record sets, as a broker answers a fetch, to the columns that the rest of Tidemark reads.
 *
 * Batch by batch: its checksum, then whether its records are to be seen (control batches never, those of aborted
 * transactions only by `readUncommitted`), then decompression; the records of all of them go into one set of columns over
 * one buffer. That buffer is the fetch itself where nothing was compressed.
 *
 * Positions move by batch headers, never by records: a batch may be empty (compaction keeps the last header of a
 * producer), hold only a marker, or end with offsets that are gone.
 */
import type { RecordBatch } from '../core/event.ts'
import type { TidemarkError } from '../errors.ts'
import { AbortedTransactions } from './aborted.ts'
import type { BatchHeader, ByteRange, Place } from './batch-header.ts'
import { BYTES_CHANGED, batchEnd, producerId, readBatchHeader, unreadable } from './batch-header.ts'
import { Codec, codecName, decompress } from './codecs.ts'
import type { FetchedPartition } from './fetch-response.ts'
import { addRecords, countProblem, createColumns, firstKey, trimColumns } from './records.ts'

export type FetchedRecords = Pick<FetchedPartition, 'records' | 'aborted'>

export interface DecodeOptions extends Place {
  /** The offset that was asked for; records below it, which the first batch may have, are left out. */
  readonly from: number
  /** Also the records of transactions that were aborted. */
  readonly readUncommitted?: boolean
  /** About how many decompressed bytes to decode in this call; the batch that goes beyond is the last one. */
  readonly bytesMax?: number
}

export interface DecodedRecords extends RecordBatch {
  /** What `bytesMax` left: to be decoded with `from` = `nextOffset`. Undefined when every whole batch was decoded. */
  readonly rest: FetchedRecords | undefined
}

const BYTES_MAX = 64 * 1024 * 1024

/** The records of one batch, decompressed: a range of `bytes`. */
interface Section extends ByteRange {
  readonly header: BatchHeader
  readonly bytes: Buffer
}

/**
 * `loadCodecs` must have been awaited. A batch that is cut short is left for the next fetch; where it is the first, there are
 * no records and the position stays: `batchEnd` says how many bytes a fetch must bring.
 *
 * @throws SOURCE_UNREADABLE with the position of the batch that is damaged or of a kind that is not read
 */
export function decodeRecords(fetched: FetchedRecords, options: DecodeOptions): DecodedRecords {
  const { records } = fetched
  const { from, bytesMax = BYTES_MAX } = options
  const aborted = new AbortedTransactions(options.readUncommitted === true ? [] : fetched.aborted)
  const sections: Section[] = []
  let decodedBytes = 0
  let batchesEnd = -Infinity
  let at = 0
  let end = batchEnd(records, at, options)
  while (end <= records.length && (at === 0 || decodedBytes < bytesMax)) {
    const header = readBatchHeader(records, { start: at, end }, options)
    checkOrder(header, batchesEnd, records, options)
    batchesEnd = nextOffsetOf(header)
    const isVisible = readVisibility(header, records, aborted, options)
    if (isVisible && batchesEnd > from && header.count !== 0) {
      const section = openSection(header, records, options)
      sections.push(section)
      decodedBytes += section.end - section.start
    }
    at = end
    end = batchEnd(records, at, options)
  }
  const hasMore = end <= records.length
  return {
    ...toBatch(sections, records, options),
    nextOffset: Math.max(from, batchesEnd),
    rest: hasMore ? { records: records.subarray(at), aborted: aborted.remaining() } : undefined,
  }
}

function nextOffsetOf({ baseOffset, lastOffsetDelta }: BatchHeader): number {
  return baseOffset + lastOffsetDelta + 1
}

/** The base offset is not under a batch's checksum. */
function checkOrder(header: BatchHeader, after: number, records: Buffer, place: Place): void {
  const { baseOffset, lastOffsetDelta, start } = header
  if (lastOffsetDelta < 0) {
    const what = `a record batch whose last offset is ${lastOffsetDelta} from its first`
    throw wronglyWritten(header, records, place, what)
  }
  if (baseOffset >= after) return
  const what = `the record batch begins at offset ${baseOffset}, the one before it ended at ${after}`
  throw unreadable(place, records, start, `${what}. ${BYTES_CHANGED}`)
}

/** Whether records of the batch are to be seen; takes note of markers, so to be asked of every batch once. */
function readVisibility(
  header: BatchHeader,
  records: Buffer,
  aborted: AbortedTransactions,
  place: Place,
): boolean {
  if (aborted.isEmpty || !header.isTransactional) return !header.isControl
  const lastOffset = nextOffsetOf(header) - 1
  const producer = producerId(records, header)
  if (!header.isControl) return !aborted.has(producer, lastOffset)
  if (header.count === 0) return false
  const { bytes, start, end } = openSection(header, records, place)
  aborted.end(producer, lastOffset, firstKey(bytes.subarray(start, end), header))
  return false
}

function openSection(header: BatchHeader, records: Buffer, place: Place): Section {
  const { codec, recordsStart, end } = header
  const section =
    codec === Codec.NONE
      ? { header, bytes: records, start: recordsStart, end }
      : decompressSection(header, records, place)
  const problem = countProblem(header, section.end - section.start)
  if (problem !== undefined) throw wronglyWritten(header, records, place, problem)
  return section
}

function decompressSection(header: BatchHeader, records: Buffer, place: Place): Section {
  const { codec, recordsStart, end } = header
  try {
    const bytes = decompress(codec, records.subarray(recordsStart, end))
    return { header, bytes, start: 0, end: bytes.length }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw wronglyWritten(
      header,
      records,
      place,
      `a record batch compressed by ${codecName(codec)}: ${why}`,
    )
  }
}

function toBatch(
  sections: readonly Section[],
  records: Buffer,
  options: DecodeOptions,
): Omit<RecordBatch, 'nextOffset'> {
  const { bytes, ranges } = gather(sections, records)
  const room = sections.reduce((total, { header }) => total + header.count, 0)
  const columns = createColumns(bytes, room)
  for (const [index, { header }] of sections.entries()) {
    const problem = addRecords(columns, header, ranges[index]!, options.from)
    if (problem !== undefined)
      throw wronglyWritten(header, records, options, `a record batch with ${problem}`)
  }
  return trimColumns(columns)
}

/** One buffer for all sections, and where each lies in it; nothing is copied unless there are several and one was compressed. */
function gather(
  sections: readonly Section[],
  records: Buffer,
): { readonly bytes: Buffer; readonly ranges: readonly ByteRange[] } {
  const [first] = sections
  if (first === undefined) return { bytes: records, ranges: [] }
  if (sections.every(({ bytes }) => bytes === first.bytes))
    return { bytes: first.bytes, ranges: sections }
  let total = 0
  const ranges = sections.map(({ start, end }) => ({ start: total, end: (total += end - start) }))
  const bytes = Buffer.concat(
    sections.map((section) => section.bytes.subarray(section.start, section.end)),
    total,
  )
  return { bytes, ranges }
}

function wronglyWritten(
  header: BatchHeader,
  records: Buffer,
  place: Place,
  what: string,
): TidemarkError {
  return unreadable(
    place,
    records,
    header.start,
    `${what}. Its checksum is right, so this is what a producer wrote: mend the producer, and copy the topic without this batch`,
  )
}
