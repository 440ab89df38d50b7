/**
 * What property tests are written with: one seed for all of them; `npm run properties` tries many. A property that fails tells its
 * counterexample in time, however far it was made smaller; else all that is told is a time-out.
 */
import { fc, test } from '@fast-check/vitest'
import { SEED } from './seed.ts'

const MINUTE_MS = 60_000

const inTime = fc.interruptAfterTimeLimit(5 * MINUTE_MS, { failOnInterrupt: true })
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED, ...{ plugins: [inTime] } })

export { fc, test }
