/** Which offsets of a partition an archive holds, by the spans of its files, and where some are missing. Pure. */
import type { OffsetSpan } from '../core/offset-span.ts'

/** Offsets `from` .. `to` - 1 of a partition are in no file. */
export interface ArchiveGap {
  readonly partition: number
  readonly from: number
  readonly to: number
}

export interface Coverage {
  readonly start: number
  readonly end: number
  readonly records: number
  /** Wider than any gap inside the files: what looks like missing files. */
  readonly gaps: readonly ArchiveGap[]
  /** Offsets in between that no file has: transaction markers, aborted or compacted records, rows of days left out. */
  readonly absent: number
}

/** Undefined where no span is of the partition. */
export function coverageOf(spans: readonly OffsetSpan[], partition: number): Coverage | undefined {
  const own = spans
    .filter((span) => span.partition === partition && span.records > 0)
    .toSorted((a, b) => a.first - b.first)
  const [first] = own
  if (first === undefined) return undefined
  const widest = own.reduce((gap, span) => Math.max(gap, span.widestGap), 0)
  const gaps: ArchiveGap[] = []
  let end = first.first
  let records = 0
  for (const span of own) {
    if (span.first - end > widest) gaps.push({ partition, from: end, to: span.first })
    end = Math.max(end, span.last + 1)
    records += span.records
  }
  const start = first.first
  return { start, end, records, gaps, absent: Math.max(0, end - start - records) }
}
