/**
 * What the keys of a sample say: whether the records' keys and the fields of `source.key` go together, and which kind of
 * producer put them where they are.
 */
import { PARTITIONERS } from '../core/partitioner.ts'
import type { Partitioner } from '../core/partitioner.ts'

export interface KeyFacts {
  /** Records without a key: a log of lines has none at all. */
  readonly keyless: number
  /** Of the events whose record has a key: how many have those bytes as the text of the key fields. */
  readonly bytes: { readonly compared: number; readonly equal: number; readonly example: string }
  /** Keys by their fields that came more than once, and how many of them came with different keys of their records. */
  readonly repeated: number
  readonly unsteady: number
  /** Keys by their fields that were seen in more than one partition. */
  readonly scattered: readonly string[]
  readonly routing: Routing
}

export interface Routing {
  readonly partitions: number
  /** Keys of records, once per partition that they were seen in. */
  readonly keys: number
  /** How many of them lie where it would put them, in the order of `PARTITIONERS`. */
  readonly by: readonly { readonly partitioner: Partitioner; readonly keys: number }[]
}

interface Home {
  readonly partition: number
  readonly recordKey: string | undefined
  isRepeated: boolean
  isUnsteady: boolean
}

export class KeyTally {
  readonly #partitions: number
  /** By the text of the key fields. */
  readonly #homes = new Map<string, Home>()
  readonly #scattered = new Set<string>()
  readonly #placed = new Set<string>()
  readonly #by = PARTITIONERS.map((partitioner) => ({ partitioner, keys: 0 }))
  readonly #bytes = { compared: 0, equal: 0, example: '' }
  #keyless = 0

  /** `partitions`: of the whole log. */
  constructor(partitions: number) {
    this.#partitions = partitions
  }

  /** Of every record, also of one that cannot be decoded. */
  takeRecord(recordKey: Uint8Array | undefined, partition: number): void {
    if (recordKey === undefined) {
      this.#keyless += 1
      return
    }
    const name = `${partition} ${Buffer.from(recordKey).toString('latin1')}`
    if (this.#placed.has(name)) return
    this.#placed.add(name)
    for (const each of this.#by) {
      if (each.partitioner.partitionOf(recordKey, this.#partitions) === partition) each.keys += 1
    }
  }

  /** Of every event that has its key fields. */
  takeEvent(fields: string, recordKey: Uint8Array | undefined, partition: number): void {
    const bytes = recordKey && Buffer.from(recordKey)
    const name = bytes?.toString('latin1')
    const home = this.#homes.get(fields)
    if (home === undefined) {
      const first = { partition, recordKey: name, isRepeated: false, isUnsteady: false }
      this.#homes.set(fields, first)
    } else {
      home.isRepeated = true
      home.isUnsteady ||= home.recordKey !== name
      if (home.partition !== partition) this.#scattered.add(fields)
    }
    if (bytes !== undefined) this.#compare(fields, bytes.toString('utf8'))
  }

  get facts(): KeyFacts {
    const homes = [...this.#homes.values()]
    return {
      keyless: this.#keyless,
      bytes: this.#bytes,
      repeated: homes.filter(({ isRepeated }) => isRepeated).length,
      unsteady: homes.filter(({ isUnsteady }) => isUnsteady).length,
      scattered: [...this.#scattered],
      routing: { partitions: this.#partitions, keys: this.#placed.size, by: this.#by },
    }
  }

  #compare(fields: string, recordKey: string): void {
    this.#bytes.compared += 1
    if (recordKey === fields) this.#bytes.equal += 1
    else this.#bytes.example ||= `key ${JSON.stringify(recordKey)}, field ${JSON.stringify(fields)}`
  }
}
