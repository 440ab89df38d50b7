/** All benchmarks by the name that is typed. */
import type { Bench } from './bench.ts'
import { checkpoints } from './checkpoints.ts'
import { decode } from './decode.ts'
import { endToEnd } from './end-to-end.ts'
import { fold } from './fold.ts'
import { online } from './online.ts'
import { records } from './records.ts'
import { replay } from './replay.ts'
import { drain, latency, servers } from './servers.ts'
import { slots } from './slots.ts'
import { table } from './table.ts'

export const BENCHES: ReadonlyMap<string, Bench> = new Map([
  ['records', records],
  ['decode', decode],
  ['fold', fold],
  ['online', online],
  ['table', table],
  ['end-to-end', endToEnd],
  ['drain', drain],
  ['servers', servers],
  ['latency', latency],
  ['slots', slots],
  ['checkpoints', checkpoints],
  ['replay', replay],
])
