/**
 * Which partitioner puts keys into the partitions of a log, by a sample of records that were put there since partitions were added: the
 * one that puts every one of them where it is. What is not certain is refused, since a wrong one would look for values where they are
 * not. Pure.
 */
import { homeOfText } from '../core/home.ts'
import { PARTITIONERS } from '../core/partitioner.ts'
import type { Partitioner } from '../core/partitioner.ts'

export interface PlacedKeys {
  /** Of the log. */
  readonly partitions: number
  /** Texts of `source.key`, once for each partition that they were seen in. */
  readonly keys: readonly { readonly text: string; readonly partition: number }[]
  /** Records whose key is not that text, and one of them in words. */
  readonly others: { readonly count: number; readonly example: string }
}

export type FoundPartitioner =
  | { readonly kind: 'found'; readonly partitioner: Partitioner; readonly keys: number }
  | { readonly kind: 'refused'; readonly reason: string }

/** That a partitioner which is not theirs puts all keys right by chance: one in a million. */
const CERTAIN_BITS = 20

export function findPartitioner({ partitions, keys, others }: PlacedKeys): FoundPartitioner {
  const refused = (reason: string): FoundPartitioner => ({ kind: 'refused', reason })
  if (others.count > 0)
    return refused(
      `the key of ${others.count} sampled records is not the text of source.key (${others.example}), so where producers put an entity cannot be told from its fields`,
    )
  const wanted = Math.ceil(CERTAIN_BITS / Math.log2(Math.max(2, partitions)))
  if (keys.length < wanted)
    return refused(
      `${keys.length} keys have come since partitions were added, and ${wanted} are needed to tell how producers place them`,
    )
  const fitting = PARTITIONERS.filter((each) => placesAll(each, { partitions, keys }))
  const [found] = fitting
  if (found === undefined)
    return refused(
      `none of the known partitioners (${namesOf(PARTITIONERS)}) puts all ${keys.length} sampled keys where they are: ${sharesOf({ partitions, keys })}`,
    )
  if (fitting.length > 1)
    return refused(`${namesOf(fitting)} put all ${keys.length} sampled keys where they are`)
  return { kind: 'found', partitioner: found, keys: keys.length }
}

/** How many of the keys lie where it puts them. */
export function placedBy(
  partitioner: Partitioner,
  { partitions, keys }: Pick<PlacedKeys, 'partitions' | 'keys'>,
): number {
  const home = homeOfText(partitioner, partitions)
  return keys.filter(({ text, partition }) => home(text) === partition).length
}

function placesAll(partitioner: Partitioner, placed: Pick<PlacedKeys, 'partitions' | 'keys'>) {
  return placedBy(partitioner, placed) === placed.keys.length
}

function namesOf(partitioners: readonly Partitioner[]): string {
  return partitioners.map(({ name }) => name).join(', ')
}

function sharesOf(placed: Pick<PlacedKeys, 'partitions' | 'keys'>): string {
  return PARTITIONERS.map((each) => `${each.name} ${placedBy(each, placed)}`).join(', ')
}
