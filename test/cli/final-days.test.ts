import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openState } from '../../src/cli/compose.ts'
import { finalDays } from '../../src/cli/final-days.ts'
import { stateCommit, stateHead } from '../conformance/state-fixtures.ts'
import { COUNT, pipelineOf, viewOf } from '../support/builders.ts'

test('slots that wait to be written are told of the view that the state means, wherever the file has it', async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-final-days-'))
  try {
    const views = [viewOf([1], [COUNT], { name: 'spend' }), viewOf([1], [COUNT])]
    const pipeline = { ...pipelineOf({ views }), state: directory }
    const state = await openState(pipeline, 0)
    const numbered = ['activity', 'spend'].map((name) => {
      return { name, version: 1, hash: 'h', layouts: [['count *']] }
    })
    const head = { ...stateHead(8), views: numbered }
    await state.commit(stateCommit(8, { head, dirty: new Map([['r:1:19000:0', 7]]) }))
    await state[Symbol.asyncDispose]()
    const [days] = await finalDays(pipeline, 1)
    const isDirty = (view: string): boolean | undefined =>
      days?.isDirty({ kind: 'rows', view, day: 19_000 })
    expect([isDirty('activity@1'), isDirty('spend@1')]).toEqual([false, true])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
