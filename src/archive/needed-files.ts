/** Which files of an archive a replay needs, by the offsets that they hold. Pure. */
import type { OffsetSpan } from '../core/offset-span.ts'
import type { ArchivedFile, ArchiveFileFacts } from '../engine/archive-port.ts'
import { coverageOf } from './coverage.ts'
import type { ArchiveGap } from './coverage.ts'

export interface WantedOffsets {
  readonly partition: number
  readonly from: number
  /** First offset that is not wanted; undefined: all that there are. */
  readonly to: number | undefined
}

export interface SelectedPartition {
  readonly partition: number
  readonly start: number
  readonly end: number
  readonly records: number
  /** No file has these offsets, and it is more than a log leaves out by itself. */
  readonly gaps: readonly ArchiveGap[]
  /** Offsets in between that no file has, gaps included. */
  readonly absent: number
}

export interface ExaminedFile {
  readonly path: string
  readonly facts: ArchiveFileFacts
}

export function reachesBack(
  files: readonly ExaminedFile[],
  { partition, from }: WantedOffsets,
): boolean {
  return spansOf(files, partition).some(({ first }) => first <= from)
}

export function reachesOn(
  files: readonly ExaminedFile[],
  { partition, to }: WantedOffsets,
): boolean {
  return to !== undefined && spansOf(files, partition).some(({ last }) => last >= to - 1)
}

function spansOf(files: readonly ExaminedFile[], partition: number): OffsetSpan[] {
  return files.flatMap(({ facts }) => facts.spans.filter((span) => span.partition === partition))
}

export function needed<File extends ExaminedFile>(
  files: readonly File[],
  wanted: readonly WantedOffsets[],
): { readonly file: File; spans: readonly OffsetSpan[] }[] {
  return files
    .map((file) => ({
      file,
      spans: file.facts.spans.filter((span) =>
        wanted.some(
          ({ partition, from, to = Infinity }) =>
            span.partition === partition && span.last >= from && span.first < to,
        ),
      ),
    }))
    .filter(({ spans }) => spans.length > 0)
    .sort(byPath)
}

/** Offsets of an archive without any: the rows of all files, in the order of their paths. */
export function oneAfterTheOther<File extends ExaminedFile>(
  files: readonly File[],
): { readonly file: File; spans: readonly OffsetSpan[] }[] {
  let base = 0
  return files
    .map((file) => ({ file }))
    .sort(byPath)
    .map(({ file }) => {
      const spans = file.facts.spans.map((span) => ({
        ...span,
        first: span.first + base,
        last: span.last + base,
      }))
      base += file.facts.spans.reduce((sum, { records }) => sum + records, 0)
      return { file, spans }
    })
}

export function selectedPartitions(
  files: readonly ArchivedFile[],
  wanted: readonly WantedOffsets[] | undefined,
): SelectedPartition[] {
  const spans = files.flatMap((file) => file.spans)
  const partitions = wanted?.map(({ partition }) => partition) ?? [0]
  return partitions.flatMap((partition) => {
    const cover = coverageOf(spans, partition)
    return cover ? [{ partition, ...cover }] : []
  })
}

function byPath(
  a: { readonly file: { readonly path: string } },
  b: { readonly file: { readonly path: string } },
): number {
  return a.file.path < b.file.path ? -1 : 1
}

export function lowerOffsets(known: readonly OffsetSpan[], spans: readonly OffsetSpan[]): boolean {
  return spans.some(
    ({ partition, first }) =>
      !known.some((span) => span.partition === partition && span.first <= first),
  )
}

export function higherOffsets(known: readonly OffsetSpan[], spans: readonly OffsetSpan[]): boolean {
  return spans.some(
    ({ partition, last }) =>
      !known.some((span) => span.partition === partition && span.last >= last),
  )
}
