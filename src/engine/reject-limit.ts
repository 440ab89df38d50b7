/**
 * The limit on rejects: a share of recent records above which the run stops instead of eating a log into the dead letters.
 *
 * Counts are halved every 10,000 records, and the share is never taken of fewer than 10,000, so a few bad records at the
 * start of a log do not stop it. The counts are part of the state: a restart stops at the same record.
 */
import { TidemarkError } from '../errors.ts'

const WINDOW_RECORDS = 10_000

export interface RejectCounts {
  readonly judged: number
  readonly rejected: number
}

export class RejectLimit {
  readonly #limit: number
  #judged: number
  #rejected: number

  constructor(limit: number, counts: RejectCounts) {
    this.#limit = limit
    this.#judged = counts.judged
    this.#rejected = counts.rejected
  }

  /** Of at least 10,000 records; the run stops where it is above the limit. */
  get share(): number {
    return this.#rejected / WINDOW_RECORDS
  }

  get counts(): RejectCounts {
    return { judged: this.#judged, rejected: this.#rejected }
  }

  /** Counts a record; false when the limit is passed by it. */
  count(rejected: boolean): boolean {
    this.#judged += 1
    if (rejected) this.#rejected += 1
    const within = this.share <= this.#limit
    if (this.#judged >= WINDOW_RECORDS) {
      this.#judged /= 2
      this.#rejected /= 2
    }
    return within || !rejected
  }
}

/** @param samples lines that show up to three of the rejects */
export function aboveLimit(
  where: string,
  limit: number,
  samples: readonly string[],
): TidemarkError {
  return new TidemarkError(
    'REJECTS_ABOVE_LIMIT',
    `${where}: more than ${(limit * 100).toFixed(1)} % of the last ${WINDOW_RECORDS.toLocaleString('en')} records are refused, so the run stops before this batch; nothing of it is committed. ` +
      `Samples:\n${samples.map((sample) => `  ${sample}`).join('\n')}\n` +
      'Correct the pipeline file (tidemark doctor helps), or raise rejects.limit if this is expected',
  )
}
