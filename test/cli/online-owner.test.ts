import { expect, test } from 'vitest'
import { askOwner } from '../../src/cli/online-owner.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { FastClock } from '../support/engine-run.ts'

const MARKER = { generation: 1, position: 500, asOf: 20_000, scanId: undefined }

function start(): { readonly clock: FastClock; readonly store: MemoryOnlineStore } {
  const clock = new FastClock()
  return { clock, store: new MemoryOnlineStore(() => clock.now) }
}

test('an owner finds its marker gone, scans, and the wait ends with the scan', async () => {
  const { clock, store } = start()
  const { incarnation } = store
  await store.advanceMarker(3, MARKER, { marker: undefined, incarnation })
  const said: string[] = []
  let looks = 0
  const filled = await askOwner({
    store,
    partition: 3,
    clock,
    signal: new AbortController().signal,
    onScan: (words) => {
      looks += 1
      if (!said.includes(words)) said.push(words)
      const expected = { marker: undefined, incarnation }
      // What an owner does: it finds out after a while, puts its scan's id beside the beginning, and the end at the end.
      if (looks === 6)
        void store.advanceMarker(3, { ...MARKER, position: 0, scanId: 'scan' }, expected)
      if (looks === 12) void store.advanceMarker(3, MARKER, expected)
    },
  })
  expect(filled).toBe(true)
  expect(looks).toBe(12)
  expect(said).toEqual([
    'partition 3: waiting for its owner',
    'partition 3: its owner tells all values',
  ])
})

test('where nobody answers the marker stays away: whoever takes the partition scans first', async () => {
  const { clock, store } = start()
  await store.advanceMarker(0, MARKER, { marker: undefined, incarnation: store.incarnation })
  const startedMs = clock.monotonicMs()
  const signal = new AbortController().signal
  expect(await askOwner({ store, partition: 0, clock, signal, onScan: () => undefined })).toBe(
    false,
  )
  expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(30_000)
  expect(await store.marker(0)).toBeUndefined()
})
