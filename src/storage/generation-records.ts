/** Records of generations as files: written once, never changed. */
import { randomUUID } from 'node:crypto'
import type { GenerationStore } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import type { ObjectStorage } from './object-storage.ts'

const FOLDER = '_tidemark/generations'
const PLACE = '_tidemark/place.json'

export class GenerationRecords implements GenerationStore {
  readonly #storage: ObjectStorage
  readonly #newId: () => string

  constructor(storage: ObjectStorage, newId: () => string = randomUUID) {
    this.#storage = storage
    this.#newId = newId
  }

  async put(generation: number, record: string): Promise<string> {
    const path = `${FOLDER}/${String(generation).padStart(6, '0')}.json`
    if (await this.#storage.putIfAbsent(path, Buffer.from(record))) return record
    const stored = await this.#storage.get(path)
    invariant(stored, `a generation's record never goes away: ${path}`)
    return Buffer.from(stored).toString('utf8')
  }

  async identity(): Promise<string> {
    const own = Buffer.from(`${JSON.stringify({ place: this.#newId() })}\n`)
    await this.#storage.putIfAbsent(PLACE, own)
    const stored = await this.knownIdentity()
    invariant(stored, `${PLACE} was just put`)
    return stored
  }

  /** For who only looks: undefined where nobody has asked for it yet. */
  async knownIdentity(): Promise<string | undefined> {
    const stored = await this.#storage.get(PLACE)
    if (stored === undefined) return undefined
    return (JSON.parse(Buffer.from(stored).toString('utf8')) as { readonly place: string }).place
  }

  async list(): Promise<readonly { readonly generation: number; readonly record: string }[]> {
    const records: { generation: number; record: string }[] = []
    for (const { path } of await this.#storage.list(`${FOLDER}/`)) {
      const generation = /(\d+)\.json$/.exec(path)?.[1]
      const bytes = generation === undefined ? undefined : await this.#storage.get(path)
      if (bytes) {
        records.push({
          generation: Number(generation),
          record: Buffer.from(bytes).toString('utf8'),
        })
      }
    }
    return records.sort((a, b) => a.generation - b.generation)
  }
}
