/** The state that a partition's replay begins with, where what the plan stood upon is gone. */
import { expect, test } from 'vitest'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { DAY_MS } from '../support/builders.ts'
import { resolveText } from '../support/resolve-text.ts'
import { ReplayWorld } from './replay-world.ts'

const DOCUMENT = `
name: shop
source:
  files: ./log
  format: json
  key: user
  fields: { user: string }
  event: { time: { field: at, format: ms } }
time: { outOfOrderness: 0s, allowedLateness: 12h }
views: { activity: { entity: user, windows: [1d], features: { events: { count: "*" } } } }
sinks: { online: { leveldb: ./online }, offline: { delta: ./tables, slots: 2 } }
state: ./state
`
const FIRST_DAY = 20_000

function worldOfDays(count: number): ReplayWorld {
  const records = Array.from({ length: count }, (_, index) => {
    const at = (FIRST_DAY + index) * DAY_MS
    return { offset: index, timestamp: at, key: null, value: JSON.stringify({ user: 'ann', at }) }
  })
  return new ReplayWorld(resolveText(DOCUMENT, '/prepare'), [{ partition: 0, records }])
}

test('a milestone that no state knows any more is refused: the milestones before it would be lost', async () => {
  const world = worldOfDays(9)
  await world.live.run()
  const range = { kind: 'days', range: { first: FIRST_DAY + 5, last: FIRST_DAY + 20 } } as const
  const { plan } = await world.plan({ range, start: 'milestone' })
  expect(plan.partitions[0]?.start).toMatchObject({ kind: 'milestone' })
  const disk = world.live.disks[0]
  world.live.disks[0] = new MemoryDisk()
  await expect(world.run(plan, world.place())).rejects.toMatchObject({ code: 'REPLAY_REFUSED' })
  if (disk) world.live.disks[0] = disk
  expect(await world.run(plan, world.place())).toMatchObject({ partitions: [{ partition: 0 }] })
})
