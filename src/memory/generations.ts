/** Records of generations in memory. */
import type { GenerationStore } from '../engine/ports.ts'

export class MemoryGenerations implements GenerationStore {
  readonly #records = new Map<number, string>()

  put(generation: number, record: string): Promise<string> {
    const stored = this.#records.get(generation) ?? record
    this.#records.set(generation, stored)
    return Promise.resolve(stored)
  }

  identity(): Promise<string> {
    return Promise.resolve('memory')
  }

  list(): Promise<readonly { readonly generation: number; readonly record: string }[]> {
    const records = [...this.#records].map(([generation, record]) => ({ generation, record }))
    return Promise.resolve(records.sort((a, b) => a.generation - b.generation))
  }
}
