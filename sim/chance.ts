/**
 * All chance of a seed. One seed gives one sequence; a fork has a sequence of its own, so that what one part of the world draws
 * does not move what the others draw.
 */

export class Chance {
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(name: string) {
    this.#name = name
    const next = hashes(name)
    this.#a = next()
    this.#b = next()
    this.#c = next()
    for (let i = 0; i < 12; i += 1) this.#draw()
  }

  fork(name: string): Chance {
    return new Chance(`${this.#name}/${name}`)
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#draw() / 2 ** 32
  }

  happens(probability: number): boolean {
    return this.fraction() < probability
  }

  /** Both ends included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1))
  }

  between(from: number, to: number): number {
    return from + this.fraction() * (to - from)
  }

  /** Often near `from`, seldom near `to`: spread evenly over orders of magnitude. */
  scaled(from: number, to: number): number {
    return from * Math.exp(this.fraction() * Math.log(to / from))
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, place: this.fraction() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item)
  }

  /** 32 hex digits. */
  id(): string {
    const word = (): string => this.#draw().toString(16).padStart(8, '0')
    return word() + word() + word() + word()
  }

  /** sfc32. */
  #draw(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t >>> 0
  }
}

/** xmur3: numbers from a text. */
function hashes(text: string): () => number {
  let h = 1779033703 ^ text.length
  for (let i = 0; i < text.length; i += 1) {
    h = Math.imul(h ^ text.charCodeAt(i), 3432918353)
    h = (h << 13) | (h >>> 19)
  }
  return () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507)
    h = Math.imul(h ^ (h >>> 13), 3266489909)
    h ^= h >>> 16
    return h >>> 0
  }
}
