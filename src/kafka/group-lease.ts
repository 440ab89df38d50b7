/**
 * The lease on partitions: membership of a consumer group, and nothing else. Records are fetched, and positions kept,
 * elsewhere; the group only says who may work on which partitions.
 *
 *     join -> hold, with heartbeats -> others come or go: join again, what is kept goes on -> ...
 *
 * kafkajs holds the sockets, the group's requests are ours: its consumer would fetch, forgets its membership when the
 * coordinator moves, and does not tell of every loss. Unreachable brokers are tried for ever; a refusal that stays is an
 * error.
 *
 * Promises: `assigned` follows only from an answer to a request that was sent less than a session ago; a partition that is in
 * two sets in a row was nobody else's between them; what may have been somebody else's is told as lost first.
 */
import { hostname } from 'node:os'
import process from 'node:process'
import type { KafkaLog } from '../core/definition.ts'
import type { Clock, Lease, LeaseListener, LeaseMember, Log } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { KafkaCluster } from './cluster.ts'
import {
  GroupAnswer,
  GroupCoordinator,
  isAboutCoordinator,
  isGroupTrouble,
} from './group-coordinator.ts'
import { GroupCode, memberRefused } from './group-errors.ts'
import { GroupMember } from './group-member.ts'
import { GroupPositions } from './group-positions.ts'
import type { JoinAnswer } from './group-requests.ts'
import { decideRound } from './group-round.ts'
import { GroupSession } from './group-session.ts'
import { GroupStanding } from './group-standing.ts'
import { GroupTroubles } from './group-trouble.ts'
import { decodeAssignment, encodeAssignment, encodeSubscription } from './member-metadata.ts'

export interface GroupLeaseParts {
  readonly log: Log
  readonly clock: Clock
  /** Told to the other members, for people: `tidemark 0.1.0`. */
  readonly software?: string
  /** Between two publications of positions. */
  readonly publishEveryMs?: number
}

const PUBLISH_EVERY_MS = 5_000
/** Between heartbeats, and so until a member learns that others have come or gone. */
const HEARTBEAT_MAX_MS = 1_000
const HEARTBEATS_PER_SESSION = 10
const PAUSE_FIRST_MS = 50
const PAUSE_MAX_MS = 1_000
const AWAY_PAUSE_MS = 200
/** Leaving is a courtesy to the others: the end of the session does it too. */
const LEAVE_MAX_MS = 2_000

export function createGroupLease(definition: KafkaLog, parts: GroupLeaseParts): Lease {
  return new GroupLease(definition, parts)
}

class GroupLease implements Lease {
  readonly #definition: KafkaLog
  readonly #parts: GroupLeaseParts
  readonly #cluster: KafkaCluster
  readonly #member: GroupMember
  readonly #session: GroupSession
  readonly #positions: GroupPositions
  readonly #startedMs: number
  readonly #over = new AbortController()
  readonly #troubles: GroupTroubles
  #standing = new GroupStanding([])
  #place: string | undefined
  #listener: LeaseListener | undefined
  #living: Promise<void> | undefined
  #leaving: Promise<void> | undefined

  constructor(definition: KafkaLog, parts: GroupLeaseParts) {
    const { log, clock, publishEveryMs: everyMs = PUBLISH_EVERY_MS } = parts
    const { group, sessionTimeoutMs } = definition
    this.#definition = definition
    this.#parts = parts
    const silenceMs = Math.min(5_000, Math.max(500, sessionTimeoutMs / 4))
    this.#cluster = new KafkaCluster({ definition, log, clock, silenceMs })
    const coordinator = new GroupCoordinator(this.#cluster, group)
    this.#session = new GroupSession(clock, sessionTimeoutMs, () => this.#sessionExpired())
    const beforeBelieving = (): void => this.#session.check()
    this.#member = new GroupMember(definition, { clock, coordinator, beforeBelieving })
    this.#positions = new GroupPositions(definition, { log, clock, coordinator, everyMs })
    this.#troubles = new GroupTroubles(definition, { clock, log })
    this.#startedMs = clock.wallMs()
  }

  /** Resolves at once: what comes of it is told to the listener. */
  join({ place, onDisk }: LeaseMember, listener: LeaseListener): Promise<void> {
    invariant(this.#living === undefined, 'a group is joined once')
    this.#place = place
    this.#listener = listener
    this.#standing = new GroupStanding(onDisk)
    this.#living = this.#live()
    return Promise.resolve()
  }

  publish(partition: number, nextOffset: number): void {
    this.#positions.note(partition, nextOffset)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  #isLeaving(): boolean {
    return this.#over.signal.aborted
  }

  async #live(): Promise<void> {
    let pauseMs = 0
    while (!this.#isLeaving()) {
      try {
        await this.#joinRound()
        pauseMs = 0
        await this.#stay()
      } catch (error) {
        if (this.#isLeaving()) return
        const failure = this.#failureIn(error)
        if (failure !== undefined) {
          await this.#fail(failure)
          return
        }
        await this.#parts.clock.sleep(pauseMs, this.#over.signal)
        pauseMs = Math.min(pauseMs * 2 + PAUSE_FIRST_MS, PAUSE_MAX_MS)
      }
    }
  }

  /** Until an assignment is there, and told. */
  async #joinRound(): Promise<void> {
    const { topic } = this.#definition
    const joined = await this.#member.join(this.#subscription())
    const isLeader = joined.member === joined.leader
    const orders = isLeader ? await this.#decide(joined.members) : new Map<string, Buffer>()
    try {
      const { answer, sentMs } = await this.#member.sync(joined, orders)
      const { partitions, refusal } = decodeAssignment(answer, topic)
      if (refusal) throw memberRefused(this.#definition, this.#place, refusal)
      this.#hold(joined.generation, partitions, sentMs)
    } catch (error) {
      // What a leader could not tell was told to nobody, so nobody held anything in this generation.
      const wasTold = !(error instanceof GroupAnswer && error.code === GroupCode.REBALANCING)
      if (isLeader && !wasTold) this.#standing.skip(joined.generation)
      throw error
    }
  }

  #subscription(): Buffer {
    return encodeSubscription(this.#definition.topic, {
      name: `${hostname()} (process ${process.pid})`,
      software: this.#parts.software ?? 'tidemark',
      startedMs: this.#startedMs,
      ...(this.#place !== undefined && { place: this.#place }),
      ...this.#standing.claim(),
    })
  }

  async #decide(members: JoinAnswer['members']): Promise<ReadonlyMap<string, Buffer>> {
    const known = this.#cluster.metadata
    const { topic } = await this.#cluster.refresh().catch((error: unknown) => {
      if (known === undefined || !isGroupTrouble(error)) throw error
      return known
    })
    // A topic that nothing is told about: asked again by joining again.
    if (topic.partitions.length === 0) throw new GroupAnswer('Metadata', topic.errorCode)
    const orders = decideRound(topic.partitions.length, members)
    return new Map(
      [...orders].map(([id, order]) => [id, encodeAssignment(this.#definition.topic, order)]),
    )
  }

  /** Heartbeats until everybody has to join again. */
  async #stay(): Promise<void> {
    const { clock } = this.#parts
    const intervalMs = heartbeatMs(this.#definition)
    let pauseMs = intervalMs
    for (;;) {
      await clock.sleep(pauseMs, this.#over.signal)
      if (this.#isLeaving()) return
      pauseMs = intervalMs
      try {
        const { generation, held } = this.#standing
        const { sentMs } = await this.#member.heartbeat(generation)
        // Lost meanwhile: the coordinator has not noticed, and may go on with us, but not with what we held.
        if (this.#standing.held === undefined) return
        this.#answered(sentMs)
        if (held) await this.#positions.publishIfDue(this.#member.in(generation), held)
      } catch (error) {
        if (!isGroupTrouble(error)) throw error
        if (error instanceof GroupAnswer && error.code === GroupCode.REBALANCING) {
          if (this.#standing.held !== undefined) this.#answered(error.sentMs)
          return
        }
        if (!isAboutCoordinator(error)) throw error
        // The membership outlives its coordinator: the next one knows it too.
        this.#troubles.note(error)
        pauseMs = Math.min(intervalMs, AWAY_PAUSE_MS)
      }
    }
  }

  #hold(generation: number, partitions: readonly number[], sentMs: number): void {
    if (this.#isLeaving()) return
    if (!this.#standing.isNext(generation))
      this.#lose('a generation of the group was missed, in which others may have held them')
    const isChanged = this.#standing.hold(generation, partitions)
    this.#answered(sentMs)
    const held = new Set(partitions)
    if (isChanged) this.#logHeld(held)
    this.#listener?.assigned(held)
  }

  #answered(sentMs: number | undefined): void {
    if (sentMs !== undefined) this.#session.renew(sentMs)
    this.#troubles.over()
  }

  #lose(why: string): void {
    this.#session.end()
    if (this.#standing.held === undefined) return
    this.#standing.lose()
    const { group } = this.#definition
    this.#parts.log.warn(
      { group, why },
      `group ${group}: its partitions are lost: ${why}; joining again`,
    )
    this.#listener?.lost()
  }

  #sessionExpired(): void {
    const seconds = this.#definition.sessionTimeoutMs / 1_000
    const why = this.#troubles.latest ?? 'this process stood still'
    this.#lose(`no answer from the group's coordinator for ${seconds} s (${why})`)
  }

  #logHeld(held: ReadonlySet<number>): void {
    const { group } = this.#definition
    const partitions = [...held].toSorted((a, b) => a - b)
    const what = held.size === 0 ? 'no partition' : `partition ${partitions.join(', ')}`
    this.#parts.log.info({ group, partitions }, `group ${group}: holding ${what}`)
  }

  /** What ends this member; undefined where trying again may help. */
  #failureIn(error: unknown): unknown {
    if (!isGroupTrouble(error)) return error
    if (error instanceof GroupAnswer && error.code === GroupCode.UNKNOWN_MEMBER)
      this.#lose(
        'the coordinator does not know this member: it was silent for too long, or removed',
      )
    return this.#troubles.failureIn(error, this.#standing.wasMember)
  }

  async #fail(error: unknown): Promise<void> {
    this.#session.end()
    const { held } = this.#standing
    this.#listener?.failed(error)
    // Whoever holds something ends it first, and leaves when he is disposed of.
    if (held === undefined || held.size === 0) await this.#leaveGroup()
  }

  async #leave(): Promise<void> {
    this.#over.abort()
    this.#session.end()
    await this.#leaveGroup()
    // A broker that hangs is not waited for.
    await this.#within(() => Promise.all([this.#cluster[Symbol.asyncDispose](), this.#living]))
  }

  async #leaveGroup(): Promise<void> {
    const { generation, held } = this.#standing
    const me = this.#member.in(generation)
    this.#standing.lose()
    await this.#within(async (isOver) => {
      if (held !== undefined) await this.#positions.publish(me, held, this.#member.freeLane)
      await this.#member.leave(isOver)
    })
  }

  async #within(work: (isOver: AbortSignal) => Promise<unknown>): Promise<void> {
    const over = new AbortController()
    await Promise.race([
      work(over.signal),
      this.#parts.clock.sleep(LEAVE_MAX_MS, over.signal),
    ]).finally(() => over.abort())
  }
}

function heartbeatMs({ sessionTimeoutMs }: KafkaLog): number {
  return Math.min(HEARTBEAT_MAX_MS, sessionTimeoutMs / HEARTBEATS_PER_SESSION)
}
