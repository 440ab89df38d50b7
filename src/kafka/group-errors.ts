/** Why a process cannot be a member of its group, in words for an operator, with the command or setting that mends it. */
import type { KafkaLog } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import { codeName } from './kafka-errors.ts'
import type { MemberRefusal } from './member-metadata.ts'
import { principalOf } from './security.ts'

export const GroupCode = {
  NONE: 0,
  REQUEST_TIMED_OUT: 7,
  LOADING: 14,
  NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_PROTOCOL: 23,
  INVALID_GROUP: 24,
  UNKNOWN_MEMBER: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCING: 27,
  GROUP_AUTHORIZATION_FAILED: 30,
  MEMBER_ID_REQUIRED: 79,
  GROUP_FULL: 81,
} as const

type Member = Pick<KafkaLog, 'brokers' | 'topic' | 'group' | 'sessionTimeoutMs' | 'tls' | 'sasl'>

/** The coordinator does not take us, and waiting did not help. */
export function groupRefused(definition: Member, code: number): TidemarkError {
  return new TidemarkError(
    'GROUP_REFUSED',
    `the consumer group ${definition.group} cannot be joined: ${wordsFor(definition, code)}`,
  )
}

/** As an administrator. */
export function groupAclCommand(definition: Member): string {
  const principal = principalOf(definition)
  const name = principal.startsWith('User:') ? principal : 'User:NAME'
  return `kafka-acls.sh --bootstrap-server ${definition.brokers[0] ?? ''} --add --allow-principal ${name} --operation Read --group ${definition.group}`
}

function wordsFor(definition: Member, code: number): string {
  const { group, sessionTimeoutMs } = definition
  switch (code) {
    case GroupCode.GROUP_AUTHORIZATION_FAILED:
      return (
        `an access list must allow ${principalOf(definition)} to Read the Group ${group}. ` +
        `As an administrator:\n  ${groupAclCommand(definition)}`
      )
    case GroupCode.INCONSISTENT_PROTOCOL:
      return (
        'it has members that share partitions in another way: another program uses a group of this name. ' +
        'Stop it, or give this pipeline another source.kafka.group'
      )
    case GroupCode.INVALID_SESSION_TIMEOUT:
      return (
        `the brokers do not take a session timeout of ${sessionTimeoutMs} ms. Set source.kafka.sessionTimeout between their ` +
        'group.min.session.timeout.ms (6s by default) and group.max.session.timeout.ms (30m)'
      )
    case GroupCode.INVALID_GROUP:
      return 'the brokers do not take its name. Change source.kafka.group'
    case GroupCode.GROUP_FULL:
      return 'it has as many members as the brokers allow (group.max.size). Run fewer processes, or raise it'
    default:
      return `the brokers answer ${codeName(code)}. Check source.kafka.group, and what the brokers log about it`
  }
}

/** The member that has been there for longest is at odds with us. */
export function memberRefused(
  { group, topic }: Member,
  place: string | undefined,
  { reason, with: other }: MemberRefusal,
): TidemarkError {
  return new TidemarkError(
    'GROUP_REFUSED',
    `the consumer group ${group} is held by ${other.name} (${other.software}): ${words()}`,
  )

  function words(): string {
    switch (reason) {
      case 'place':
        return (
          `it writes its tables to ${placeName(other.place)}, this process to ${placeName(place)}. Each would write only the rows of the partitions ` +
          'that it is given. Give all members the same sinks.offline, or give this pipeline a source.kafka.group of its own'
        )
      case 'topic':
        return (
          `it reads the topic ${other.topic}, this process ${topic}. ` +
          'Give each pipeline a source.kafka.group of its own'
        )
      case 'format':
        return 'it cannot read what this process tells about itself. Run the same version of Tidemark everywhere'
    }
  }
}

function placeName(place: string | undefined): string {
  return place === undefined ? 'no table at all' : `the place ${place}`
}
