/** What happened in a storm, and when: a file that is written line by line, so that it is there however the storm ends. */
import { appendFileSync } from 'node:fs'
import path from 'node:path'

export class Timeline {
  readonly file: string
  readonly #startMs = performance.now()
  readonly #tell: (line: string) => void

  /** @param tell gets the lines that a person at a terminal wants */
  constructor(directory: string, tell: (line: string) => void) {
    this.file = path.join(directory, 'timeline.txt')
    this.#tell = tell
  }

  note(text: string): void {
    appendFileSync(this.file, `${this.#now()} ${text}\n`)
  }

  tell(text: string): void {
    this.note(text)
    this.#tell(`${this.#now()} ${text}`)
  }

  #now(): string {
    return `${((performance.now() - this.#startMs) / 1_000).toFixed(1).padStart(7)} s`
  }
}
