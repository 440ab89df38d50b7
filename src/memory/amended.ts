/** Late records that generations accept, in memory. */
import type { Accepted, AmendedRecords, KeptRecord } from '../engine/amended-port.ts'

export class MemoryAmended implements AmendedRecords {
  readonly #records = new Map<string, KeptRecord>()

  put(records: readonly KeptRecord[]): Promise<void> {
    for (const record of records) this.#records.set(keyOf(record), record)
    return Promise.resolve()
  }

  get(accepted: readonly Accepted[]): Promise<readonly KeptRecord[] | undefined> {
    const found = accepted.flatMap((one) => this.#records.get(keyOf(one)) ?? [])
    return Promise.resolve(found.length === accepted.length ? found : undefined)
  }

  place(): string {
    return 'memory'
  }
}

function keyOf({
  partition,
  offset,
}: {
  readonly partition: number
  readonly offset: number
}): string {
  return `${partition}@${offset}`
}
