/**
 * Faults of the log that stop a run by contract: nothing of them can be waited for, and a position is never reset. Each run
 * ends by itself and says in one message what happened; the test does what the message says, and all sinks are right.
 */
import { cpSync, renameSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ServerDirectory } from '../../support/servers.ts'
import { StopScene } from './stop-scene.ts'

const ANEW = /begin anew in empty places: .*and run again/

test('retention moved past what a stopped run needs: OFFSET_GONE, and nothing is reset', async () => {
  await using scene = await StopScene.create()
  await scene.visit()
  const from = await scene.forget()
  const { code, message } = await scene.stopped(scene.start())
  expect(code).toBe('OFFSET_GONE')
  expect(message).toContain(`the log begins at ${scene.topic}[0]@${from}: the offsets`)
  expect(message).toMatch(/kafka-configs\.sh --bootstrap-server \S+ --alter .*retention\.ms/)
  expect(message).toMatch(ANEW)
  await scene.beginAnew()
  await scene.expectTheLaw([from])
})

test('retention moved past an old state, and a checkpoint is newer: it is restored, and all goes on', async () => {
  using directory = new ServerDirectory()
  await using scene = await StopScene.create({ checkpoints: directory.path })
  const { state } = scene.world.pipeline
  await scene.visit()
  cpSync(state, `${state}-old`, { recursive: true })
  // What the old state will lack.
  await scene.write(100)
  await scene.rest()
  await scene.visit()
  rmSync(state, { recursive: true })
  renameSync(`${state}-old`, state)
  await scene.forget()
  await scene.produce()
  const run = await scene.follow()
  expect(await run.says('restored checkpoint')).toMatch(
    /\[0\]: restored checkpoint .* reading on at offset \d+/,
  )
  run.child.kill('SIGTERM')
  expect(await run.ended).toMatchObject({ code: 0 })
  await scene.expectTheLaw()
})

test('retention moves past a run that stood still: OFFSET_GONE, and nothing is reset', async () => {
  await using scene = await StopScene.create()
  const run = await scene.follow()
  run.child.kill('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 500))
  const from = await scene.forget()
  run.child.kill('SIGCONT')
  const { code, message } = await scene.stopped(run)
  expect(code).toBe('OFFSET_GONE')
  expect(message).toContain(`the log begins at ${scene.topic}[0]@${from}: the offsets`)
  expect(message).toMatch(ANEW)
  await scene.beginAnew()
  await scene.expectTheLaw([from])
})

test('partitions are added: SOURCE_CHANGED while it runs, and at the next start', async () => {
  await using scene = await StopScene.create()
  const run = await scene.follow()
  await scene.addPartition()
  for (const each of [run, undefined]) {
    const { code, message } = await scene.stopped(each ?? scene.start())
    expect(code).toBe('SOURCE_CHANGED')
    expect(message).toMatch(
      /had 2 partitions and has 3 now.*replay plan --reason.*make a new (topic|log) with 3 partitions/s,
    )
    expect(message).toMatch(ANEW)
  }
  await scene.changeTopic()
  await scene.beginAnew()
  await scene.expectTheLaw()
})

test('the topic is deleted and made again: SOURCE_CHANGED while it runs, and at the next start', async () => {
  await using scene = await StopScene.create()
  const run = await scene.follow()
  await scene.deleteTopic()
  await scene.makeTopic()
  for (const each of [run, undefined]) {
    const { code, message } = await scene.stopped(each ?? scene.start())
    expect(code).toBe('SOURCE_CHANGED')
    expect(message).toMatch(/deleted and made again/)
    expect(message).toMatch(ANEW)
  }
  await scene.beginAnew()
  await scene.expectTheLaw()
})

test('the topic is deleted: SOURCE_CHANGED while it runs, and once it is there again', async () => {
  await using scene = await StopScene.create()
  const run = await scene.follow()
  await scene.deleteTopic()
  expect(await scene.stopped(run)).toMatchObject({
    code: 'SOURCE_CHANGED',
    message: expect.stringMatching(ANEW) as string,
  })
  await scene.makeTopic()
  expect(await scene.stopped(scene.start())).toMatchObject({ code: 'SOURCE_CHANGED' })
  await scene.beginAnew()
  await scene.expectTheLaw()
})
