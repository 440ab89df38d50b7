/**
 * What the leader of a group decides when members have come or gone: who is refused, and who gets which partitions.
 *
 * The member that has been in the group for longest is right about the topic and the place of the tables; whoever has
 * others gets no partitions and is told why.
 */
import { decodeSubscription } from './member-metadata.ts'
import type { MemberClaim, MemberOrder, MemberRefusal } from './member-metadata.ts'
import type { JoinAnswer } from './group-requests.ts'
import { assignPartitions } from './sticky-assignor.ts'

interface RoundMember {
  readonly id: string
  readonly topics: readonly string[]
  readonly claim: MemberClaim | undefined
}

interface KnownMember extends RoundMember {
  readonly claim: MemberClaim
}

/** @returns an order for every member */
export function decideRound(
  partitions: number,
  members: JoinAnswer['members'],
): ReadonlyMap<string, MemberOrder> {
  const decoded = members.map(({ member, subscription }) => ({
    id: member,
    ...decodeSubscription(subscription),
  }))
  const senior = longestStanding(decoded)
  const accepted = decoded.filter(
    (member): member is KnownMember =>
      isKnown(member) && senior !== undefined && problemOf(member, senior) === undefined,
  )
  const candidates = accepted.map(({ id, claim }) => ({
    ...claim,
    id,
    generation: claim.generation,
  }))
  const given = assignPartitions(partitions, candidates)
  return new Map(
    decoded.map((member) => {
      const refusal = senior && refusalOf(member, senior)
      return [member.id, { partitions: given.get(member.id) ?? [], ...(refusal && { refusal }) }]
    }),
  )
}

function longestStanding(members: readonly RoundMember[]): KnownMember | undefined {
  const [senior] = members.filter(isKnown).toSorted((a, b) => {
    const [since, otherSince] = [a.claim.since ?? Infinity, b.claim.since ?? Infinity]
    if (since !== otherSince) return since - otherSince
    return a.claim.startedMs - b.claim.startedMs || (a.id < b.id ? -1 : 1)
  })
  return senior
}

function isKnown(member: RoundMember): member is KnownMember {
  return member.claim !== undefined
}

function problemOf(member: RoundMember, senior: KnownMember): MemberRefusal['reason'] | undefined {
  if (member.claim === undefined) return 'format'
  if (member.topics.join() !== senior.topics.join()) return 'topic'
  return member.claim.place === senior.claim.place ? undefined : 'place'
}

function refusalOf(member: RoundMember, senior: KnownMember): MemberRefusal | undefined {
  const reason = problemOf(member, senior)
  if (reason === undefined) return undefined
  const { name, software, place } = senior.claim
  const topic = senior.topics.join(', ')
  return { reason, with: { name, software, topic, ...(place !== undefined && { place }) } }
}
