import { expect, test } from 'vitest'
import { Reachability } from '../../src/kafka/reachability.ts'

function create() {
  const lines: string[] = []
  let nowMs = 1_000
  const at = (level: string) => (_fields: object, message: string) => {
    lines.push(`${level} ${message}`)
  }
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const clock = {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
  }
  const reachability = new Reachability('clicks', { log, clock })
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { reachability, lines, pass }
}

test('a single failure is no outage, the second is, told once and once more when it is over', () => {
  const { reachability, lines, pass } = create()
  reachability.failed('broker 1', 'closed')
  expect(reachability.state).toEqual({ reachable: true })
  for (let times = 0; times < 5; times++) reachability.failed('broker 1', 'nothing listens there')
  expect(reachability.state).toEqual({
    reachable: false,
    sinceMs: 1_000,
    reason: 'nothing listens there',
  })
  pass(2_500)
  reachability.answered('broker 1')
  expect(reachability.state).toEqual({ reachable: true })
  expect(lines).toEqual([
    'warn clicks: Kafka does not answer, trying on: nothing listens there',
    'info clicks: Kafka answers again after 2.5 s',
  ])
})

test('silence is an outage at once', () => {
  const { reachability } = create()
  reachability.failed('broker 1', 'no answer within 5 s', true)
  expect(reachability.state.reachable).toBe(false)
})

test('it ends when all answer who are still asked: a broker that leads nothing any more is not', () => {
  const { reachability, lines } = create()
  reachability.failed('broker 1', 'gone', true)
  reachability.failed('brokers', 'gone', true)
  reachability.answered('brokers')
  expect(reachability.state.reachable).toBe(false)
  reachability.keepOnly(new Set(['brokers', 'broker 2']))
  expect(reachability.state.reachable).toBe(true)
  expect(lines).toHaveLength(2)
})
