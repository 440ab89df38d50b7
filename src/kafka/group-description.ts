/** A consumer group from outside, for `doctor` and `status`: who is in it, what each holds, and whether we may join it. */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock, Log } from '../engine/ports.ts'
import { KafkaCluster } from './cluster.ts'
import {
  GroupAnswer,
  GroupCoordinator,
  isAboutCoordinator,
  isGroupTrouble,
} from './group-coordinator.ts'
import { groupAclCommand, GroupCode, groupRefused } from './group-errors.ts'
import { decodeDescribeGroup, describeGroupRequest } from './group-requests.ts'
import type { DescribedGroup } from './group-requests.ts'
import { ClusterUnreachable, refused, unreachable } from './kafka-errors.ts'
import { decodeAssignment, decodeSubscription } from './member-metadata.ts'

export interface GroupDescription {
  readonly group: string
  /** Whether access lists let us join. */
  readonly mayJoin: boolean
  /** The command that lets us, where they do not. */
  readonly command?: string
  /** `Stable`, `Empty`, `PreparingRebalance` ...; `Dead` where there is no such group; undefined: not told to us. */
  readonly state: string | undefined
  readonly members: readonly GroupMemberFacts[]
}

export interface GroupMemberFacts {
  readonly host: string
  readonly partitions: readonly number[]
  /** Undefined for members that are not Tidemark. */
  readonly name: string | undefined
  readonly place: string | undefined
}

const PATIENCE_MS = 10_000
const SILENCE_MS = 5_000
const PAUSE_MS = 200
/** Kafka's numbers of operations. */
const ALLOWED_READ = 1 << 3

/** @throws SOURCE_UNREADABLE, SOURCE_REFUSED, GROUP_REFUSED */
export async function describeGroup(
  definition: KafkaLog,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): Promise<GroupDescription> {
  const silenceMs = SILENCE_MS
  await using cluster = new KafkaCluster({ definition, log, clock, silenceMs })
  const coordinator = new GroupCoordinator(cluster, definition.group)
  const startMs = clock.monotonicMs()
  for (;;) {
    try {
      const request = describeGroupRequest(definition.group)
      const described = await coordinator.ask({ request, decode: decodeDescribeGroup })
      if (described.errorCode !== GroupCode.NONE)
        throw new GroupAnswer('DescribeGroups', described.errorCode)
      return describe(definition, described)
    } catch (error) {
      if (!isGroupTrouble(error)) throw error
      if (error instanceof GroupAnswer && error.code === GroupCode.GROUP_AUTHORIZATION_FAILED)
        return notAllowed(definition)
      const isOver = clock.monotonicMs() - startMs > PATIENCE_MS
      if (isOver || !isAboutCoordinator(error)) throw failure(definition, error)
      await clock.sleep(PAUSE_MS)
    }
  }
}

function describe(definition: KafkaLog, described: DescribedGroup): GroupDescription {
  const { group, topic } = definition
  const mayJoin = (described.operations & ALLOWED_READ) !== 0
  const members = described.members.map(({ host, subscription, assignment }) => {
    const { claim } = decodeSubscription(subscription)
    const { partitions } = decodeAssignment(assignment, topic)
    return { host, partitions, name: claim?.name, place: claim?.place }
  })
  const command = mayJoin ? {} : { command: groupAclCommand(definition) }
  return { group, mayJoin, state: described.state, members, ...command }
}

function notAllowed(definition: KafkaLog): GroupDescription {
  const command = groupAclCommand(definition)
  return { group: definition.group, mayJoin: false, command, state: undefined, members: [] }
}

function failure(definition: KafkaLog, error: Error): Error {
  if (error instanceof GroupAnswer) return groupRefused(definition, error.code)
  if (error instanceof ClusterUnreachable && error.isRefusal) return refused(definition, error)
  return unreachable(definition, error, false)
}
