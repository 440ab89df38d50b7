/** The state that a partition's replay begins with, where what the plan stood upon is gone or damaged. */
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

test('a checkpoint that was damaged after the plan is refused; planned again without it the replay is right', async () => {
  const world = worldOfDays(9)
  await world.runLiveTo(3)
  await world.live.run()
  const range = { kind: 'days', range: { first: FIRST_DAY + 5, last: FIRST_DAY + 20 } } as const
  const { plan } = await world.plan({ range, start: 'checkpoint' })
  damageOne(world)
  const place = world.place()
  for (let run = 0; run < 2; run += 1) {
    await expect(world.run(plan, place)).rejects.toMatchObject({ code: 'REPLAY_REFUSED' })
  }
  const start = plan.partitions[0]?.start
  if (start?.kind === 'checkpoint') await world.checkpoints?.discard(0, start.checkpoint)
  const { plan: again } = await world.plan({ range })
  expect(again.partitions[0]?.start.kind).not.toBe('checkpoint')
  const whole = world.place()
  const result = await world.run(again, whole)
  expect(result && (await world.differences(again, whole, result))).toBe('')
})

/** A bit of a file of the only checkpoint. */
function damageOne({ bucket: { contents } }: ReplayWorld): void {
  const [object] = [...contents].filter(([name]) => name.includes('/files/'))
  if (object === undefined) throw new Error('a checkpoint is kept')
  const [name, content] = object
  const bytes = Uint8Array.from(content.bytes, (byte, index) => (index === 0 ? byte ^ 1 : byte))
  contents.set(name, { ...content, bytes })
}
