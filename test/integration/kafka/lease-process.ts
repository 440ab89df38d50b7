/** A member of a group in a process of its own: one line of JSON on stdout for each word of the lease. */
import process from 'node:process'
import { systemClock } from '../../../src/cli/system-clock.ts'
import type { KafkaLog } from '../../../src/core/definition.ts'
import type { LeaseMember, Log } from '../../../src/engine/ports.ts'
import { createGroupLease } from '../../../src/kafka/group-lease.ts'
import { listenerOf } from './lease-probe.ts'

export interface LeaseJob {
  readonly definition: KafkaLog
  readonly member?: Partial<LeaseMember>
}

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

const { definition, member = {} } = JSON.parse(process.argv[2] ?? '') as LeaseJob
const lease = createGroupLease(definition, { log: silent, clock: systemClock })
await lease.join(
  { place: undefined, onDisk: [], ...member },
  listenerOf((event) => process.stdout.write(`${JSON.stringify(event)}\n`)),
)
