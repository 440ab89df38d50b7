/** How producers place keys, by a sample: found where it is certain, refused with the reason where it is not. */
import { describe, expect, test } from 'vitest'
import { homeOfText } from '../../src/core/home.ts'
import { PARTITIONERS } from '../../src/core/partitioner.ts'
import type { Partitioner } from '../../src/core/partitioner.ts'
import { findPartitioner } from '../../src/replay/find-partitioner.ts'
import type { PlacedKeys } from '../../src/replay/find-partitioner.ts'

const PARTITIONS = 4
const NONE = { count: 0, example: '' }

function placed(count: number, partitioner: Partitioner | undefined): PlacedKeys {
  const home = partitioner
    ? homeOfText(partitioner, PARTITIONS)
    : (text: string): number => text.length % PARTITIONS
  const texts = Array.from({ length: count }, (_, index) => `user-${index}`)
  return {
    partitions: PARTITIONS,
    keys: texts.map((text) => ({ text, partition: home(text) })),
    others: NONE,
  }
}

describe('finding the partitioner', () => {
  test.each(PARTITIONERS)('$name is found by the keys that it placed', (partitioner) => {
    expect(findPartitioner(placed(40, partitioner))).toMatchObject({
      kind: 'found',
      partitioner,
      keys: 40,
    })
  })

  test('a few keys prove nothing: chance could have put them there', () => {
    expect(reasonOf(findPartitioner(placed(9, PARTITIONERS[0])))).toMatch(/9 keys .* 10 are needed/)
  })

  test('one key elsewhere is enough to refuse all of them', () => {
    const { keys, ...rest } = placed(40, PARTITIONERS[0])
    const moved = keys.map((each, i) =>
      i === 7 ? { ...each, partition: (each.partition + 1) % PARTITIONS } : each,
    )
    expect(reasonOf(findPartitioner({ ...rest, keys: moved }))).toMatch(
      /none of the known partitioners .* puts all 40 .*murmur2 39/,
    )
  })

  test('keys that are placed by something else are refused', () => {
    expect(reasonOf(findPartitioner(placed(40, undefined)))).toMatch(/none of the known/)
  })

  test('a record whose key is not the text of source.key is refused', () => {
    const others = { count: 2, example: 'key "00001", fields "1"' }
    const found = findPartitioner({ ...placed(40, PARTITIONERS[0]), others })
    expect(reasonOf(found)).toMatch(/2 sampled records is not the text of source.key \(key "00001"/)
  })
})

function reasonOf(found: ReturnType<typeof findPartitioner>): string {
  return found.kind === 'refused' ? found.reason : ''
}
