/**
 * Three projects, by what a test costs: `unit` runs while you type, `property` runs random logs through the real parts,
 * `integration` starts processes, kills them and reads tables back with other programs.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

const MINUTE_MS = 60_000
/** By default vitest leaves one alone, which of two is half. */
const ALL_CORES = availableParallelism()

export default defineConfig({
  test: {
    teardownTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/properties/**', 'test/sim/seeds.test.ts'],
          maxWorkers: ALL_CORES,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'property',
          // One project after the other: what each starts has the machine to itself.
          sequence: { groupOrder: 1 },
          include: ['test/properties/**/*.test.ts', 'test/sim/seeds.test.ts'],
          pool: 'forks',
          // A scenario is short-lived garbage: with more room for it, collecting costs a third.
          execArgv: ['--max-semi-space-size=64'],
          maxWorkers: ALL_CORES,
          testTimeout: 6 * MINUTE_MS,
        },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 2 },
          include: ['test/integration/**/*.test.ts'],
          // Kafka and Redis for those who ask (test/support/servers.ts).
          globalSetup: ['test/support/servers-setup.ts'],
          pool: 'forks',
          // Two cores may be all that there is; a third of the time, more or less, each of these waits for a server or a clock.
          maxWorkers: 3,
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 2 * MINUTE_MS,
        },
      },
    ],
  },
})
