import { expect, test } from 'vitest'
import { BrokerLanes } from '../../src/kafka/broker-lanes.ts'

const LONG = { lane: 'tail', of: 'atEnd', waitMs: 500 } as const
const NOW = { lane: 'behind', of: 'behind', waitMs: 0 } as const
const SHORT = { lane: 'behind', of: 'atEnd', waitMs: 40 } as const
const ONLY_BEHIND = { behind: true, atEnd: false }
const ONLY_AT_END = { behind: false, atEnd: true }

test('those behind are asked for at once, those at their end wait at the broker beside them', () => {
  const lanes = new BrokerLanes()
  expect(lanes.plan({ behind: true, atEnd: true }, 1_000)).toEqual({ sends: [NOW, LONG] })
})

test('while the tail waits at the broker, one that comes to its end is polled briefly, and one behind is not kept waiting', () => {
  const lanes = new BrokerLanes()
  lanes.begin(LONG, 1_000)
  expect(lanes.plan(ONLY_AT_END, 1_001)).toEqual({ sends: [SHORT] })
  expect(lanes.plan({ behind: true, atEnd: true }, 1_001)).toEqual({ sends: [NOW] })
  lanes.begin(NOW, 1_001)
  expect(lanes.plan(ONLY_BEHIND, 1_001)).toEqual({ sends: [] })
  lanes.end('behind', true)
  expect(lanes.plan(ONLY_BEHIND, 1_002)).toEqual({ sends: [NOW] })
})

test('requests of the tail keep a pace, so that records that come one by one are fetched together', () => {
  const lanes = new BrokerLanes()
  lanes.begin(LONG, 1_000)
  lanes.end('tail', true)
  expect(lanes.plan(ONLY_AT_END, 1_001)).toEqual({ sends: [], wakeMs: 1_004 })
  expect(lanes.plan(ONLY_AT_END, 1_004)).toEqual({ sends: [LONG] })
})

test('a tail that found nothing waits for the poll beside it and takes all along; one that found records does not', () => {
  const lanes = new BrokerLanes()
  lanes.begin(LONG, 1_000)
  lanes.begin(SHORT, 1_010)
  lanes.end('tail', false)
  expect(lanes.plan(ONLY_AT_END, 1_500)).toEqual({ sends: [] })
  lanes.end('behind', false)
  expect(lanes.plan(ONLY_AT_END, 1_510)).toEqual({ sends: [LONG] })
  lanes.begin(LONG, 1_510)
  lanes.begin(SHORT, 1_520)
  lanes.end('tail', true)
  expect(lanes.plan(ONLY_AT_END, 1_530)).toEqual({ sends: [LONG] })
})

test('a broker that fails is asked again at once the first time, then ever later, until it answers', () => {
  const lanes = new BrokerLanes()
  const waits: number[] = []
  for (let times = 0; times < 9; times++) {
    lanes.failed(0)
    waits.push(lanes.plan(ONLY_BEHIND, 0).wakeMs ?? 0)
  }
  expect(waits).toEqual([0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000])
  lanes.holdUntil(0)
  lanes.answered()
  lanes.failed(0)
  expect(lanes.plan(ONLY_BEHIND, 0)).toEqual({ sends: [NOW] })
})
