/**
 * Up to where old partitions are read by the old grouping, where partitions were added: producers learn of new partitions when they ask
 * again for a topic's metadata, so that they put keys where they used to for a while.
 *
 *     T0   the lowest timestamp among the first records of the added partitions
 *     end  the first record at or after the owner's position with a timestamp beyond T0 + grace, else the end of the log
 */
import type { Decoder, RecordSource } from '../engine/ports.ts'
import { readStretch } from '../engine/read-stretch.ts'
import type { Stretch } from '../engine/read-stretch.ts'

/** What a client may go without asking for metadata, by default (metadata.max.age.ms). */
export const PRODUCERS_GRACE_MS = 5 * 60_000

export interface OldEnds {
  /** Of the first record that an added partition got, ms; undefined where none has any, or records have no timestamps. */
  readonly firstAddedMs: number | undefined
  readonly from: readonly { readonly partition: number; readonly end: number }[]
}

export interface OldEndsParts {
  readonly source: Pick<RecordSource, 'open'>
  /** Records of lines carry their timestamps themselves. */
  readonly decoder: Decoder
}

/** @param old from where the owner stands. @throws SOURCE_*, OFFSET_GONE */
export async function findOldEnds(
  parts: OldEndsParts,
  old: readonly Stretch[],
  added: readonly Stretch[],
): Promise<OldEnds> {
  const firsts: number[] = []
  for (const stretch of added) {
    const found = await firstWhere(parts, stretch, () => true)
    if (found !== undefined && !Number.isNaN(found.timestamp)) firsts.push(found.timestamp)
  }
  const firstAddedMs = firsts.length === 0 ? undefined : Math.min(...firsts)
  const from: { partition: number; end: number }[] = []
  for (const stretch of old) {
    const { partition, end } = stretch
    const lastMs = firstAddedMs === undefined ? Infinity : firstAddedMs + PRODUCERS_GRACE_MS
    const found = await firstWhere(parts, stretch, (timestamp) => timestamp > lastMs)
    from.push({ partition, end: Math.min(found?.offset ?? end, end) })
  }
  return { firstAddedMs, from }
}

async function firstWhere(
  { source, decoder }: OldEndsParts,
  stretch: Stretch,
  is: (timestamp: number) => boolean,
): Promise<{ readonly offset: number; readonly timestamp: number } | undefined> {
  for await (const batch of readStretch(source, stretch)) {
    await decoder.prepare?.(batch)
    const { timestamps, offsets, count } = decoder.decode(batch).records
    for (let i = 0; i < count; i += 1) {
      const [timestamp = NaN, offset = NaN] = [timestamps[i], offsets[i]]
      if (offset >= stretch.from && offset < stretch.end && is(timestamp))
        return { offset, timestamp }
    }
  }
  return undefined
}
