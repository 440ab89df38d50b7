/** A property that fails tells its counterexample in time, however far it was made smaller; else all that is told is a time-out. */
import { fc } from '@fast-check/vitest'

const MINUTE_MS = 60_000

const inTime = fc.interruptAfterTimeLimit(5 * MINUTE_MS, { failOnInterrupt: true })
fc.configureGlobal({ ...fc.readConfigureGlobal(), ...{ plugins: [inTime] } })
