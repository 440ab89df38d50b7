/** Which offsets of each partition a file of records holds, noted while its rows are passed. */

/** The records of one partition in one file. */
export interface OffsetSpan {
  readonly partition: number
  readonly records: number
  readonly first: number
  readonly last: number
  /** Offsets between two neighbours that are not in the file, at most. */
  readonly widestGap: number
  readonly isSorted: boolean
}

interface Tally {
  records: number
  first: number
  last: number
  previous: number
  widestGap: number
  isSorted: boolean
}

export class SpanTally {
  readonly #tallies = new Map<number, Tally>()

  add(partition: number, offset: number): void {
    const tally = this.#tallies.get(partition)
    if (tally === undefined) {
      this.#tallies.set(partition, {
        records: 1,
        first: offset,
        last: offset,
        previous: offset,
        widestGap: 0,
        isSorted: true,
      })
      return
    }
    tally.records += 1
    if (offset < tally.previous) tally.isSorted = false
    else tally.widestGap = Math.max(tally.widestGap, offset - tally.previous - 1)
    tally.previous = offset
    tally.first = Math.min(tally.first, offset)
    tally.last = Math.max(tally.last, offset)
  }

  /** Ascending by partition. In a file without order gaps say nothing. */
  get spans(): OffsetSpan[] {
    return [...this.#tallies]
      .sort(([a], [b]) => a - b)
      .map(([partition, { records, first, last, widestGap, isSorted }]) => ({
        partition,
        records,
        first,
        last,
        widestGap: isSorted ? widestGap : 0,
        isSorted,
      }))
  }
}
