/**
 * Publishes and rollbacks that do not come to their end, and days that one has left as they were: seen beside a run, for metrics and the
 * log. A publisher at work is soon done; one that died holds up every later one, and vacuum, until somebody carries it out.
 *
 * One process of a group looks, that which has partition 0: the records are the pipeline's.
 */
import type { RunParts, RunProgress } from '../engine/parts.ts'
import { MinuteLook } from './minute-look.ts'
import { publicationLines, publicationStatus } from './publication-status.ts'
import type { PublicationRecords, PublicationStatus } from './publication-status.ts'

type WatchParts = Pick<RunParts, 'clock' | 'log'>

export class PublicationWatch implements AsyncDisposable {
  readonly #parts: WatchParts
  readonly #records: PublicationRecords
  readonly #minutes: MinuteLook
  /** Newest generation of the last look. */
  #generation: number | undefined
  #status: PublicationStatus | undefined
  #told: readonly string[] = []

  constructor(parts: WatchParts, records: PublicationRecords) {
    this.#parts = parts
    this.#records = records
    this.#minutes = new MinuteLook(parts.clock, (signal) => this.#lookOrTell(signal))
  }

  /** Undefined: not looked at yet, or another process does. */
  get status(): PublicationStatus | undefined {
    return this.#status
  }

  /** Begins a look where one is due. */
  update(progress: RunProgress): void {
    if (this.#minutes.update(progress)) return
    this.#status = undefined
    this.#generation = undefined
  }

  async #lookOrTell(signal: AbortSignal): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      if (signal.aborted) return
      this.#parts.log.warn(
        { error },
        'publishes that have not come to their end could not be looked for; it is tried again',
      )
    }
  }

  /** What ended stays ended: while there is no newer generation and nothing is unfinished, trails are not read again. */
  async #look(): Promise<void> {
    const before = this.#status
    const newest = (await this.#records.generations.list()).at(-1)?.generation
    if (before?.unfinished.length === 0 && newest === this.#generation) return
    const status = await publicationStatus(this.#records)
    this.#tell(status, before)
    this.#status = status
    this.#generation = newest
  }

  /** A line of the log for what was unfinished a minute ago too, and for days that are left: once. */
  #tell({ unfinished, left }: PublicationStatus, before: PublicationStatus | undefined): void {
    const known = new Set(before?.unfinished.map(({ generation }) => generation))
    const lines = publicationLines({
      unfinished: unfinished.filter(({ generation }) => known.has(generation)),
      left,
    })
    for (const line of lines) if (!this.#told.includes(line)) this.#parts.log.warn({}, line)
    this.#told = lines
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#minutes[Symbol.asyncDispose]()
  }
}
