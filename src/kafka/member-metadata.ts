/**
 * What members of a group tell each other, inside Kafka's own formats of a subscription and an assignment, so that
 * Kafka's tools show the group as they show any other. Ours is in their user data: one line of JSON.
 */
import { WireReader, WireWriter } from './wire.ts'

const VERSION = 0
const FORMAT = 1

/** Of a member to the leader, at every join. */
export interface MemberClaim {
  readonly format: typeof FORMAT
  /** Host and process, for people. */
  readonly name: string
  readonly software: string
  /** Wall clock of its own machine: for people, and between members of which none has been here before. */
  readonly startedMs: number
  /** Identity of the place of its tables; absent: it has none. */
  readonly place?: string
  /** The generation that gave it what it holds; absent: it has not had an assignment yet. */
  readonly generation?: number
  /** The first generation that it was in. */
  readonly since?: number
  readonly held: readonly number[]
  /** Partitions whose state is on its machine. */
  readonly onDisk: readonly number[]
}

/** Of the leader to a member. */
export interface MemberOrder {
  readonly partitions: readonly number[]
  readonly refusal?: MemberRefusal
}

/** Why a member gets nothing, and whom it is at odds with. */
export interface MemberRefusal {
  readonly reason: 'place' | 'topic' | 'format'
  readonly with: {
    readonly name: string
    readonly software: string
    readonly topic: string
    readonly place?: string
  }
}

export function encodeSubscription(topic: string, claim: Omit<MemberClaim, 'format'>): Buffer {
  const data = JSON.stringify({ format: FORMAT, ...claim })
  return new WireWriter().int16(VERSION).int32(1).string(topic).bytes(Buffer.from(data)).buffer
}

export interface Subscription {
  readonly topics: readonly string[]
  /** Undefined where the member is of another kind than we are. */
  readonly claim: MemberClaim | undefined
}

export function decodeSubscription(bytes: Buffer): Subscription {
  try {
    const reader = new WireReader(bytes)
    reader.int16()
    const topics = reader.array(() => reader.string() ?? '')
    return { topics, claim: parse(reader.bytes()) as MemberClaim | undefined }
  } catch {
    return { topics: [], claim: undefined }
  }
}

export function encodeAssignment(topic: string, { partitions, refusal }: MemberOrder): Buffer {
  const writer = new WireWriter().int16(VERSION).int32(1).string(topic).int32(partitions.length)
  for (const partition of partitions) writer.int32(partition)
  const data = { format: FORMAT, ...(refusal && { refusal }) }
  return writer.bytes(Buffer.from(JSON.stringify(data))).buffer
}

/** No partitions where the bytes are none, or no assignment. */
export function decodeAssignment(bytes: Buffer, topic: string): MemberOrder {
  if (bytes.length === 0) return { partitions: [] }
  try {
    const reader = new WireReader(bytes)
    reader.int16()
    const topics = reader.array(() => ({
      name: reader.string(),
      partitions: reader.array(() => reader.int32()),
    }))
    const data = parse(reader.bytes()) as { readonly refusal?: MemberRefusal } | undefined
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? []
    return { partitions, ...(data?.refusal && { refusal: data.refusal }) }
  } catch {
    return { partitions: [] }
  }
}

function parse(data: Buffer): unknown {
  const value = JSON.parse(data.toString()) as { readonly format?: unknown } | null
  return value?.format === FORMAT ? value : undefined
}
