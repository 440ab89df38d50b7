/** What happens to the processes of a storm and to their disks. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DoFault, Scene } from './faults.ts'
import type { Machine } from './fleet.ts'

export type MemberKind =
  'kill' | 'zombie' | 'join' | 'leave' | 'two-owners' | 'disk-lost' | 'file-descriptors'

/** Beyond those that are open: a table's file, a state's, a connection. */
const OPEN_FILES_LEFT_MAX = 4
const STOPS_WITHIN_MS = 6_000

export const MEMBER_FAULTS: Readonly<Record<MemberKind, DoFault>> = {
  kill: async ({ fleet }, { random, lastsMs }) => {
    const victim = fleet.pick(random)
    await victim.member?.kill()
    await sleep(lastsMs)
    await startAgain(fleet, victim)
  },
  zombie: async ({ fleet, timeline }, { random, lastsMs }) => {
    const victim = fleet.pick(random)
    const { member } = victim
    // Somebody must be there to take its partitions.
    if (fleet.members.length === 1 && fleet.freeMachine) await fleet.start(fleet.freeMachine)
    timeline.note(`${member?.name} sleeps`)
    member?.sleep()
    await sleep(lastsMs)
    timeline.note(`${member?.name} wakes`)
    member?.wake()
  },
  join: async ({ fleet }, { random, lastsMs }) => {
    if (fleet.freeMachine === undefined) await fleet.pick(random).member?.leave()
    await sleep(lastsMs)
    if (fleet.freeMachine) await fleet.start(fleet.freeMachine)
  },
  leave: async ({ fleet }, { random, lastsMs }) => {
    const leaver = fleet.pick(random)
    await leaver.member?.leave()
    await sleep(lastsMs)
    if (fleet.members.length === 0) await startAgain(fleet, leaver)
  },
  'two-owners': async ({ fleet }, { random, lastsMs }) => {
    const other = await fleet.start(fleet.stranger, { group: `${fleet.group}-other` })
    await sleep(lastsMs)
    if (random.next() < 0.5) await other.kill()
    else await other.leave()
  },
  'disk-lost': async ({ fleet }, { random, lastsMs }) => {
    // Whoever shares the disk loses it too.
    const victims = fleet.hasSharedDisk ? fleet.busyMachines : [fleet.pick(random)]
    for (const { member } of victims) await member?.kill()
    for (const victim of victims) fleet.loseDisk(victim)
    await sleep(lastsMs)
    for (const victim of victims) await startAgain(fleet, victim)
  },
  'file-descriptors': async (scene, { random, lastsMs }) => {
    const { fleet, timeline } = scene
    const victim = fleet.pick(random)
    const { member } = victim
    if (member === undefined) return
    member.mayStop()
    const left = random.below(OPEN_FILES_LEFT_MAX)
    await member.limitOpenFiles(left)
    timeline.note(`${member.name} may open ${left} more files`)
    await Promise.race([sleep(lastsMs), member.exit])
    if (member.runs) await member.limitOpenFiles(undefined)
    // One that has failed stops its partitions first.
    await Promise.race([sleep(STOPS_WITHIN_MS), member.exit])
    if (member.runs) return
    expectOneMessage(scene, member.output, member.name)
    await startAgain(fleet, victim)
  },
}

async function startAgain(fleet: Scene['fleet'], machine: Machine): Promise<void> {
  if (machine.member?.runs !== true) await fleet.start(machine)
}

/** A stop by contract says what happened in one message, with a code. */
function expectOneMessage({ timeline }: Scene, output: string, who: string): void {
  const messages = output.split('\n').filter((line) => /"level":"error".*\[[A-Z_]+\]/.test(line))
  timeline.note(`${who}: ${messages.join(' / ')}`)
  if (messages.length !== 1) {
    throw new Error(`${who} ended with ${messages.length} messages:\n${output.slice(-2_000)}`)
  }
}
