/**
 * Ten rounds of a storm: every kind of fault that heals by itself, mixed, amid a producer that never stops. After each round all is told again within a
 * bounded time; after five of them every sink is what the oracle says. More rounds: `npm run storm -- --rounds 200`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { HEALING_KINDS } from '../../../storm/kinds.ts'
import { planStorm, planText } from '../../../storm/plan.ts'
import { runStorm } from '../../../storm/storm.ts'

const ROUNDS = 10
const TIMEOUT_MS = 8 * 60_000

test(
  'ten rounds of storm: every fault that heals by itself does so, nothing is lost, nothing is twice, nothing goes back',
  async () => {
    const seed = Number(process.env['STORM_SEED'] ?? 1)
    const plan = planStorm({ rounds: ROUNDS, seed, kinds: HEALING_KINDS })
    const again = `npm run storm -- --rounds ${ROUNDS} --seed ${seed}`
    process.stdout.write(`${again}\n${planText(plan)}\n`)
    const directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-storm-'))
    const tell = (line: string): void => void process.stdout.write(`${line}\n`)
    const results = await runStorm(plan, { directory, tell }).catch((cause: unknown) => {
      throw new Error(`again: ${again}; what the processes said: ${directory}`, { cause })
    })
    const done = results.flatMap(({ faults }) => faults)
    expect(new Set(done)).toEqual(new Set(HEALING_KINDS))
    expect(results.flatMap(({ verdict }) => verdict.differences)).toEqual([])
    expect(results.flatMap(({ healedMs }) => healedMs)).toHaveLength(ROUNDS)
    for (const { onlineReadings, tableReadings, ghosts } of results) {
      expect(Math.min(onlineReadings, tableReadings, ghosts)).toBeGreaterThan(0)
    }
    rmSync(directory, { recursive: true })
  },
  TIMEOUT_MS,
)
