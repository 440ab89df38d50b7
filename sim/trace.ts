/** What happened in a seed, line by line: hashed always, so that two runs can be compared byte for byte; kept only where asked for. */

export class Trace {
  readonly #lines: string[] | undefined
  readonly #nowMs: () => number
  #hash = 0x811c9dc5
  #count = 0

  constructor(nowMs: () => number, { keeps }: { readonly keeps: boolean }) {
    this.#nowMs = nowMs
    this.#lines = keeps ? [] : undefined
  }

  get keeps(): boolean {
    return this.#lines !== undefined
  }

  /** @param who a process, a store, or the director of faults */
  note(who: string, what: string): void {
    const line = `${(this.#nowMs() / 1_000).toFixed(3).padStart(10)} s  ${who.padEnd(8)} ${what}`
    this.#count += 1
    for (let i = 0; i < line.length; i += 1)
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193)
    this.#lines?.push(line)
  }

  get hash(): string {
    return `${(this.#hash >>> 0).toString(16).padStart(8, '0')}-${this.#count}`
  }

  get lines(): readonly string[] {
    return this.#lines ?? []
  }
}
