/** Random amendments of random logs, as a generation's record and its kept bytes, and as the oracle takes them. */
import type { Amendment } from '../../src/core/generation.ts'
import { recordOf } from '../../src/core/generation.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import { planViews } from '../../src/core/view-plan.ts'
import type { AmendedRecords, KeptRecord } from '../../src/engine/amended-port.ts'
import type { GenerationStore } from '../../src/engine/ports.ts'
import { judgePartition } from './judge-oracle.ts'
import { valueBytes, type RawPartition, type RawRecord } from './raw-record.ts'

/** Takes none, some or all of a list, the same ones for the same choices. */
type Choose = () => boolean

/**
 * Drops a few records, poisoned ones first of all, and accepts some that are too late: with the dropped ones gone, and before. So
 * that some of the accepted are no longer too late where they stand.
 */
export function amend(
  pipeline: Pipeline,
  log: readonly RawPartition[],
  choose: Choose,
): RawPartition[] {
  return log.map((part) => {
    const dropped = part.records.filter(() => choose() && choose()).map(({ offset }) => offset)
    const late = [part, { ...part, dropped }].flatMap((each) => tooLate(pipeline, each))
    const unique = new Map(late.map((record) => [record.offset, record]))
    const accepted = [...unique.values()].filter(
      ({ offset }) => !dropped.includes(offset) && choose(),
    )
    return { ...part, dropped, accepted }
  })
}

function tooLate(pipeline: Pipeline, part: RawPartition): RawRecord[] {
  const { judged } = judgePartition(pipeline, part)
  return judged.filter(({ outcome }) => outcome === 'too_late').map(({ record }) => record)
}

/** Sorted, as a record has them. */
export function amendmentsOf(pipeline: Pipeline, log: readonly RawPartition[]): Amendment[] {
  return log.flatMap((part) => {
    const { partition, dropped = [], accepted = [] } = part
    const { judged } = judgePartition(pipeline, { partition, records: part.records })
    const dayOf = (offset: number): number =>
      judged.find(({ record }) => record.offset === offset)?.day ?? NaN
    return [
      ...dropped.map((offset): Amendment => ({ kind: 'drop', partition, offset })),
      ...accepted.map(({ offset }): Amendment => ({
        kind: 'accept',
        partition,
        offset,
        day: dayOf(offset),
      })),
    ].sort((a, b) => a.offset - b.offset)
  })
}

/** The first generation has them. */
export async function beginAmended(
  world: {
    readonly pipeline: Pipeline
    readonly generations: GenerationStore
    readonly amended: AmendedRecords
  },
  log: readonly RawPartition[],
): Promise<void> {
  const { pipeline, generations, amended } = world
  await amended.put(log.flatMap(keptRecords))
  const record = recordOf(pipeline, planViews(pipeline), {
    generation: 1,
    zoneData: 'test',
    origins: log.map(({ origin = 0 }) => origin),
    log: undefined,
  })
  await generations.put(1, JSON.stringify({ ...record, amendments: amendmentsOf(pipeline, log) }))
}

export function keptRecords({ partition, accepted = [] }: RawPartition): KeptRecord[] {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  return accepted.map((record) => ({
    partition,
    offset: record.offset,
    timestamp: record.timestamp,
    key: record.key === null ? null : bytes(record.key),
    value: valueBytes(record),
    headers: Object.entries(record.headers ?? {}).map(([key, value]) => ({
      key,
      value: bytes(value),
    })),
  }))
}
