/**
 * What property tests are written with. One seed for all of them, the same in every run: whether a change may land does not
 * hang on luck. `TIDEMARK_SEED` gives another one, and `npm run properties` tries many. A property that fails tells its
 * counterexample in time, however far it was made smaller; else all that is told is a time-out.
 */
import { fc, test } from '@fast-check/vitest'

const MINUTE_MS = 60_000

const seed = Number(process.env['TIDEMARK_SEED'] ?? 1)
const inTime = fc.interruptAfterTimeLimit(5 * MINUTE_MS, { failOnInterrupt: true })
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed, ...{ plugins: [inTime] } })

export { fc, test }
