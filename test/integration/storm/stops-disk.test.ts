/**
 * Disks that are full, each a small one of its own: what was acknowledged before is kept, nothing after it was shown, and
 * room is all that is needed to go on.
 */
import { expect, test } from 'vitest'
import type { TestContext } from 'vitest'
import { NO_SMALL_DISK, SmallDisk } from '../../support/small-disk.ts'
import { StopScene } from './stop-scene.ts'

const MEBIBYTES = 96

function mount(context: TestContext): SmallDisk {
  return SmallDisk.mount(MEBIBYTES) ?? context.skip(NO_SMALL_DISK)
}

test('the disk of the state is full: STATE_WRITE_FAILED; with room it goes on from its last commit', async (context) => {
  using disk = mount(context)
  await using scene = await StopScene.create({ state: disk.path('state') })
  const run = await scene.follow()
  disk.fill()
  const { code, message } = await scene.stopped(run)
  expect(code).toBe('STATE_WRITE_FAILED')
  expect(message).toMatch(
    /the state \S+partition-\d could not be written \(.*No space left.*Check the space.*start again: it goes on from that commit/,
  )
  expect(await scene.stopped(scene.start())).toMatchObject({ code: 'STATE_WRITE_FAILED' })
  disk.free()
  await scene.expectTheLaw()
})

test('the disk of the tables is full: TABLE_REFUSED; with room the days that they lack are written', async (context) => {
  using disk = mount(context)
  await using scene = await StopScene.create({ tables: disk.path('features') })
  const run = await scene.follow()
  disk.fill()
  const { code, message } = await scene.stopped(run)
  expect(code).toBe('TABLE_REFUSED')
  // Whichever file of the tables was being written.
  expect(message).toMatch(/the disk is full; free space .*start again: nothing was lost/)
  expect(message).toMatch(/\/features[/:]/)
  disk.free()
  await scene.expectTheLaw()
})

test('the disk of the checkpoints is full: CHECKPOINT_REFUSED; the state has everything, and with room it goes on', async (context) => {
  using disk = mount(context)
  await using scene = await StopScene.create({ checkpoints: disk.path('checkpoints') })
  const run = await scene.follow()
  disk.fill()
  const { code, message } = await scene.stopped(run)
  expect(code).toBe('CHECKPOINT_REFUSED')
  expect(message).toMatch(/\/checkpoints.*(No space left|ENOSPC|disk is full)/s)
  disk.free()
  await scene.expectTheLaw()
})
