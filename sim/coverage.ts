/** How often each effect was a point of death, each kind of fault struck, and each way of recovery was taken. */

export type Counts = Record<string, number>

export class Coverage {
  readonly counts: Counts = {}

  /** `crash before state commit`, `fault store lost`, `path scan: loss` */
  hit(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}

export function addCounts(into: Counts, counts: Readonly<Counts>): void {
  for (const [what, count] of Object.entries(counts)) into[what] = (into[what] ?? 0) + count
}
