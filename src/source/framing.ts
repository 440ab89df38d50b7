/**
 * How records lie in a file of the embedded log: the contract of its two framings, lines (`line-framing.ts`) and frames
 * (`frame-framing.ts`). The reader knows only this page.
 *
 * THE OFFSET OF A RECORD IS ITS BYTE POSITION IN THE FILE. Seeking needs no index, offsets only grow and have gaps as in
 * Kafka, and the offset after a record is the byte after it. Whatever is incomplete at the end of a file (a torn tail)
 * is not there yet: it becomes a record when the rest of it arrives.
 */
import type { RecordColumns } from './record-columns.ts'

/** A record larger than this is taken for damage, so that a broken length or a file without line ends cannot eat the memory. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024

export interface Framing {
  /** Of the files, without the dot; also the name of the framing. */
  readonly extension: 'jsonl' | 'log'
  /** Bytes before the first record. */
  readonly headerBytes: number
  /** What is wrong with a file that begins like this; undefined when it is one of ours. */
  headerProblem(header: Buffer): string | undefined
  /** Adds the whole records of `bytes[start, end)` to `columns`, until about `bytesMax` of them are taken. */
  split(piece: FilePiece, bytesMax: number, columns: RecordColumns): SplitResult
  /** Whether a record may begin at `offset`, which is not larger than `size` nor inside the file's header. */
  isBoundary(read: ReadAt, offset: number, size: number): Promise<boolean>
  /** The last boundary in the file, searched from the boundary `from` on: where a torn tail begins, else `size`. */
  lastBoundary(read: ReadAt, from: number, size: number): Promise<number>
}

/** Bytes of a file; `bytes[start]` is a boundary. */
export interface FilePiece {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** Position in the file of `bytes[0]`. */
  readonly base: number
}

export interface SplitResult {
  /** Where the first record that was not taken begins, in `bytes`. */
  readonly next: number
  /** Bytes that have to be there from `next` on before another record can be: at least 1. */
  readonly needed: number
  /** What is wrong at `next`; nothing after it can be read. */
  readonly damage: string | undefined
}

/** Reads `length` bytes at a position of the file, fewer at its end. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>
