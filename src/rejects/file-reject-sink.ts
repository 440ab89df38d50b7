/**
 * Rejects in files: `dead-letters/<partition>.jsonl`, and for those that came too late also `late/<partition>.jsonl`, the
 * ledger from which late records can be healed after the log has forgotten them.
 *
 * Appended and synced before `write` resolves. After a crash the same rejects are written again: readers take each
 * (position, reason) once (`read-rejects.ts`), so that repeating is harmless.
 */
import { join } from 'node:path'
import type { Reject, RejectSink } from '../engine/reject-port.ts'
import { TidemarkError } from '../errors.ts'
import { AppendFile } from './append-file.ts'
import { rejectLine } from './reject-line.ts'

export const DEAD_LETTERS = 'dead-letters'
export const LATE = 'late'

export class FileRejectSink implements RejectSink {
  readonly #directory: string
  readonly #topic: string
  readonly #files = new Map<string, Promise<AppendFile>>()

  /** `topic` is what positions are printed with. Files are made when the first reject comes. */
  constructor(directory: string, topic: string) {
    this.#directory = directory
    this.#topic = topic
  }

  async write(rejects: readonly Reject[]): Promise<void> {
    const lines = new Map<string, string>()
    for (const reject of rejects) {
      const line = rejectLine(this.#topic, reject)
      for (const name of filesOf(reject)) lines.set(name, (lines.get(name) ?? '') + line)
    }
    for (const [name, text] of lines) await this.#append(name, text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const files = await Promise.allSettled(this.#files.values())
    this.#files.clear()
    for (const file of files) {
      if (file.status === 'fulfilled') await file.value[Symbol.asyncDispose]()
    }
  }

  async #append(name: string, lines: string): Promise<void> {
    const path = join(this.#directory, name)
    const opening = this.#files.get(name) ?? AppendFile.open(path)
    this.#files.set(name, opening)
    try {
      await (await opening).append(lines)
    } catch (cause) {
      // Opened again next time, which cuts what was left of a line.
      this.#files.delete(name)
      await opening.then((file) => file[Symbol.asyncDispose]()).catch(() => undefined)
      throw unwritable(path, cause)
    }
  }
}

function filesOf({ partition, reason }: Reject): readonly string[] {
  const name = `${partition}.jsonl`
  return reason === 'too_late'
    ? [join(LATE, name), join(DEAD_LETTERS, name)]
    : [join(DEAD_LETTERS, name)]
}

function unwritable(path: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'REJECTS_UNWRITABLE',
    `${path}: cannot write rejected records (${String(cause)}). Nothing is lost, they are still in the log: ` +
      'make room or mend the permissions of rejects.directory, then start again.',
    { cause },
  )
}
