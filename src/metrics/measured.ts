/**
 * A value that takes a look outside to know (a directory's size, a server's statistics): whoever reads gets the last one at
 * once, and an old one is looked for anew meanwhile. Where that fails the value stays, and the next reader tries again.
 */
export class Measured<T> {
  readonly #measure: () => Promise<T>
  readonly #maxAgeMs: number
  #value: T
  #measuredMs = -Infinity
  #measuring = false

  constructor(first: T, maxAgeMs: number, measure: () => Promise<T>) {
    this.#value = first
    this.#maxAgeMs = maxAgeMs
    this.#measure = measure
  }

  read(monotonicMs: number): T {
    if (!this.#measuring && monotonicMs - this.#measuredMs >= this.#maxAgeMs) {
      this.#measuring = true
      this.#measuredMs = monotonicMs
      void this.#refresh()
    }
    return this.#value
  }

  async #refresh(): Promise<void> {
    try {
      this.#value = await this.#measure()
    } catch {
      this.#measuredMs = -Infinity
    } finally {
      this.#measuring = false
    }
  }
}
