/** What a store is made of, and what a write is made of. */

export type Entry = readonly [key: string, value: Uint8Array]

export interface Batch {
  put(key: string, value: Uint8Array): void
  del(key: string): void
}
