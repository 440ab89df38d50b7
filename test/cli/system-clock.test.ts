import { once } from 'node:events'
import process from 'node:process'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/cli/system-clock.ts'

test('any number may sleep on one signal: nothing is warned of, and all wake when it is aborted', async () => {
  const warned: string[] = []
  const note = (warning: Error): void => void warned.push(warning.message)
  process.on('warning', note)
  const stop = new AbortController()
  const asleep = Array.from({ length: 30 }, () => systemClock.sleep(60_000, stop.signal))
  stop.abort()
  await Promise.all(asleep)
  // Warnings are told in order: ours comes after any of theirs.
  const told = once(process, 'warning')
  process.emitWarning('the last one')
  while (!warned.includes('the last one')) await told
  process.off('warning', note)
  expect(warned).toEqual(['the last one'])
})
