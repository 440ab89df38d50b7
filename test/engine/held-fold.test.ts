/** A fold that is held back waits: it neither reads nor turns round, however its log waits for records. */
import { expect, test } from 'vitest'
import type { RecordSource } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { wrap } from '../support/crash.ts'
import { Rig } from './rig.ts'

/** What a loop that waits asks of the clock in a minute, many times over. */
const ASKED_MAX = 200_000

/** Its log is followed: a read that finds nothing waits for records, as one of a topic does. */
class FollowingRig extends Rig {
  override source(): RecordSource {
    const source = super.source()
    return wrap(source, {
      open: async (partition, offset) => {
        const reader = await source.open(partition, offset)
        return wrap(reader, {
          read: async (bytesMax) => {
            const batch = await reader.read(bytesMax)
            if (batch !== undefined) return batch
            await this.clock.sleep(50)
            return reader.read(bytesMax)
          },
        })
      },
    })
  }
}

test('the loop rests where the fold is held back right after a read that waited in vain', async () => {
  const rig = new FollowingRig({ memory: { pendingEntitiesMax: 3 } })
  let asked = 0
  const { clock } = rig
  const now = clock.monotonicMs.bind(clock)
  clock.monotonicMs = () => {
    asked += 1
    if (asked > ASKED_MAX) throw new Error('the loop turns round and round')
    return now()
  }
  const run = rig.start()
  await clock.advance(300)
  rig.hooks.set('online write', () => {
    throw new TidemarkError('ONLINE_UNAVAILABLE', 'the store: connection refused. Start it')
  })
  rig.append(['2024-03-04 09:00'])
  await clock.advance(1_000)
  rig.append([{ at: '2024-03-04 09:01', user: 'other' }])
  await clock.advance(100)
  // Committed, and more than may wait to be told, after reads that have found nothing.
  rig.append([
    { at: '2024-03-04 09:02', user: 'third' },
    { at: '2024-03-04 09:02', user: 'fourth' },
  ])
  await clock.advance(60_000)
  expect(run.progress?.partitions[0]?.held).toBe(true)
  rig.hooks.clear()
  await clock.advance(30_000)
  expect(await rig.served('other')).toMatch(/^2024-03-04 n_1d=1/)
  await run.stop()
})
