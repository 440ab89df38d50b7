/**
 * Replays amid everything else: a consumer that follows a topic whose producer never stops, replays that are killed in every phase of
 * run and publish, two publishers at once, a rollback; afterwards all sinks are what the log says.
 */
import { expect, test } from 'vitest'
import { createRandom } from '../../../bench/random.ts'
import type { Random } from '../../../bench/random.ts'
import type { Ended } from '../../support/cli-process.ts'
import { StopScene } from '../storm/stop-scene.ts'
import { SEED } from '../../support/seed.ts'

const ROUNDS = 2
/** A process takes a second or so to do all of it: kills fall into start-up, run and publish. */
const KILL_WITHIN_MS = 1_500
const KILLS = 2

interface Planned {
  readonly id: string
}

test('replays that are killed in every phase, beside a live consumer: all sinks are what the log says', async () => {
  await using scene = await StopScene.create()
  const random = createRandom(SEED)
  const live = await scene.follow()
  for (let round = 0; round < ROUNDS; round += 1) {
    await scene.write(80)
    const from = random.below(100)
    const plan = await scene.command(
      ...['replay', 'plan', '--from-offset', `0=${from},1=${from}`, '--reason', 'storm', '--json'],
    ).ended
    expect(plan.code, plan.stderr).toBe(0)
    const { id } = JSON.parse(plan.stdout) as Planned
    await killed(scene, random, ['replay', 'run', id])
    await scene.write(40)
    const publish = ['replay', 'publish', id, '--reason', 'storm', '--yes']
    const both = await Promise.all([
      killed(scene, random, publish),
      scene.command(...publish).ended,
    ])
    // Whoever came second may be told that it is published, or that the other one is at it.
    for (const { code, stderr } of both) expect([0, 1], stderr).toContain(code)
    const last = await scene.command(...publish).ended
    expect(last.stdout, last.stderr).toMatch(/is generation \d+/)
    expect(live.child.exitCode).toBeNull()
  }
  const rollback = await scene.command('replay', 'rollback', '--reason', 'storm', '--yes').ended
  expect(rollback.code, rollback.stderr).toBe(0)
  await scene.write(40)
  expect(live.child.exitCode).toBeNull()
  live.child.kill('SIGTERM')
  const { code, stderr } = await live.ended
  expect(code, stderr).toBe(0)
  await scene.expectTheLaw()
})

/** The command, killed some times at random moments, and then left alone to finish. */
async function killed(scene: StopScene, random: Random, args: readonly string[]): Promise<Ended> {
  for (let kill = 0; kill < KILLS; kill += 1) {
    const run = scene.command(...args)
    const patience = setTimeout(() => run.child.kill('SIGKILL'), random.below(KILL_WITHIN_MS))
    const ended = await run.ended
    clearTimeout(patience)
    if (ended.code === 0) return ended
  }
  return scene.command(...args).ended
}
