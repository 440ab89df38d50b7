/**
 * The requests of a member of a classic consumer group, and their answers: bytes only. What the answers mean for the member
 * is decided in `group-lease.ts`.
 *
 * Versions are the newest without compact fields that say what we need; brokers from Kafka 2.8 to 4.x speak them.
 */
import type { WireRequest } from './broker-connection.ts'
import { WireReader, WireWriter } from './wire.ts'

const PROTOCOL_TYPE = 'consumer'
const KEY_IS_A_GROUP = 0

export interface MemberOfGeneration {
  readonly group: string
  readonly generation: number
  readonly member: string
}

// --- which broker coordinates the group ------------------------------------------------------------------------------

export function findCoordinatorRequest(group: string): WireRequest {
  const body = new WireWriter().string(group).int8(KEY_IS_A_GROUP)
  return { apiKey: 10, apiName: 'FindCoordinator', apiVersion: 2, body }
}

export function decodeFindCoordinator(answer: Buffer): {
  readonly errorCode: number
  readonly node: number
} {
  const reader = afterThrottleTime(answer)
  const errorCode = reader.int16()
  reader.string() // The same in words.
  return { errorCode, node: reader.int32() }
}

// --- joining ---------------------------------------------------------------------------------------------------------

export interface JoinQuestion {
  readonly group: string
  /** Empty: the coordinator will give one. */
  readonly member: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** The one way of sharing partitions that we know, and what we tell the others. */
  readonly protocol: string
  readonly subscription: Buffer
}

export interface JoinAnswer {
  readonly errorCode: number
  readonly generation: number
  readonly leader: string
  readonly member: string
  /** What each member tells; empty but for the leader. */
  readonly members: readonly { readonly member: string; readonly subscription: Buffer }[]
}

export function joinGroupRequest(question: JoinQuestion): WireRequest {
  const body = new WireWriter().string(question.group)
  body.int32(question.sessionTimeoutMs).int32(question.rebalanceTimeoutMs)
  body.string(question.member).string(PROTOCOL_TYPE)
  body.int32(1).string(question.protocol).bytes(question.subscription)
  return { apiKey: 11, apiName: 'JoinGroup', apiVersion: 4, body }
}

export function decodeJoinGroup(answer: Buffer): JoinAnswer {
  const reader = afterThrottleTime(answer)
  const errorCode = reader.int16()
  const generation = reader.int32()
  reader.string() // The protocol that the coordinator chose: there is but one.
  const leader = reader.string() ?? ''
  const member = reader.string() ?? ''
  const members = reader.array(() => ({
    member: reader.string() ?? '',
    subscription: reader.bytes(),
  }))
  return { errorCode, generation, leader, member, members }
}

/** `assignments`: what the leader decided; nothing from all others. */
export function syncGroupRequest(
  { group, generation, member }: MemberOfGeneration,
  assignments: ReadonlyMap<string, Buffer>,
): WireRequest {
  const body = new WireWriter().string(group).int32(generation).string(member)
  body.int32(assignments.size)
  for (const [receiver, assignment] of assignments) body.string(receiver).bytes(assignment)
  return { apiKey: 14, apiName: 'SyncGroup', apiVersion: 2, body }
}

export function decodeSyncGroup(answer: Buffer): {
  readonly errorCode: number
  readonly assignment: Buffer
} {
  const reader = afterThrottleTime(answer)
  return { errorCode: reader.int16(), assignment: reader.bytes() }
}

// --- staying and leaving ---------------------------------------------------------------------------------------------

export function heartbeatRequest({ group, generation, member }: MemberOfGeneration): WireRequest {
  const body = new WireWriter().string(group).int32(generation).string(member)
  return { apiKey: 12, apiName: 'Heartbeat', apiVersion: 2, body }
}

export function leaveGroupRequest(group: string, member: string): WireRequest {
  const body = new WireWriter().string(group).string(member)
  return { apiKey: 13, apiName: 'LeaveGroup', apiVersion: 2, body }
}

/** Of answers that are nothing but an error code: Heartbeat, LeaveGroup. */
export function decodeErrorCode(answer: Buffer): number {
  return afterThrottleTime(answer).int16()
}

export function offsetCommitRequest(
  { group, generation, member }: MemberOfGeneration,
  topic: string,
  offsets: ReadonlyMap<number, number>,
): WireRequest {
  const body = new WireWriter().string(group).int32(generation).string(member)
  body.int32(1).string(topic).int32(offsets.size)
  for (const [partition, offset] of offsets) body.int32(partition).int64(offset).noString()
  return { apiKey: 8, apiName: 'OffsetCommit', apiVersion: 5, body }
}

/** The first error of any partition; 0 where there is none. */
export function decodeOffsetCommit(answer: Buffer): number {
  const reader = afterThrottleTime(answer)
  const codes = reader.array(() => {
    reader.string()
    return reader.array(() => {
      reader.int32()
      return reader.int16()
    })
  })
  return codes.flat().find((code) => code !== 0) ?? 0
}

// --- looking at a group from outside ---------------------------------------------------------------------------------

export interface DescribedGroup {
  readonly errorCode: number
  /** `Stable`, `Empty`, `Dead`: there is none ... */
  readonly state: string
  readonly protocolType: string
  readonly members: readonly {
    readonly member: string
    readonly clientId: string
    readonly host: string
    readonly subscription: Buffer
    readonly assignment: Buffer
  }[]
  /** Bit n: the operation that Kafka numbers n is allowed to us. */
  readonly operations: number
}

export function describeGroupRequest(group: string): WireRequest {
  const body = new WireWriter().int32(1).string(group).int8(1)
  return { apiKey: 15, apiName: 'DescribeGroups', apiVersion: 3, body }
}

export function decodeDescribeGroup(answer: Buffer): DescribedGroup {
  const reader = afterThrottleTime(answer)
  const [group] = reader.array(() => readGroup(reader))
  if (group === undefined) throw new RangeError('no group in an answer about one')
  return group
}

function readGroup(reader: WireReader): DescribedGroup {
  const errorCode = reader.int16()
  reader.string()
  const state = reader.string() ?? ''
  const protocolType = reader.string() ?? ''
  reader.string() // Name of the protocol.
  const members = reader.array(() => ({
    member: reader.string() ?? '',
    clientId: reader.string() ?? '',
    host: (reader.string() ?? '').replace(/^\//, ''),
    subscription: reader.bytes(),
    assignment: reader.bytes(),
  }))
  return { errorCode, state, protocolType, members, operations: reader.int32() }
}

function afterThrottleTime(answer: Buffer): WireReader {
  const reader = new WireReader(answer)
  reader.int32()
  return reader
}
