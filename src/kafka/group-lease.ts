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
  mayPass,
} from './group-coordinator.ts'
import { GroupCode, groupRefused, memberRefused } from './group-errors.ts'
import { GroupMember } from './group-member.ts'
import { GroupPositions } from './group-positions.ts'
import type { JoinAnswer } from './group-requests.ts'
import { decideRound } from './group-round.ts'
import { GroupSession } from './group-session.ts'
import { ClusterUnreachable, refused } from './kafka-errors.ts'
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
/** A broker that starts may not know an access list, or a password, for a moment. */
const REFUSED_PATIENCE_FIRST_MS = 2_000
const REFUSED_PATIENCE_MS = 30_000
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
  readonly #onDisk = new Set<number>()
  #place: string | undefined
  #listener: LeaseListener | undefined
  #living: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  /** Of the last assignment, and of the first one. */
  #generation: number | undefined
  #since: number | undefined
  /** Undefined: told as lost, or nothing told yet. */
  #held: ReadonlySet<number> | undefined
  #refusedSinceMs: number | undefined
  #trouble = ''

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
    this.#startedMs = clock.wallMs()
  }

  /** Resolves at once: what comes of it is told to the listener. */
  join({ place, onDisk }: LeaseMember, listener: LeaseListener): Promise<void> {
    invariant(this.#living === undefined, 'a group is joined once')
    this.#place = place
    this.#listener = listener
    for (const partition of onDisk) this.#onDisk.add(partition)
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
      if (isLeader && !wasTold && this.#isNext(joined.generation))
        this.#generation = joined.generation
      throw error
    }
  }

  #subscription(): Buffer {
    return encodeSubscription(this.#definition.topic, {
      name: `${hostname()} (process ${process.pid})`,
      software: this.#parts.software ?? 'tidemark',
      startedMs: this.#startedMs,
      held: [...(this.#held ?? [])],
      onDisk: [...this.#onDisk].toSorted((a, b) => a - b),
      ...(this.#place !== undefined && { place: this.#place }),
      ...(this.#generation !== undefined && { generation: this.#generation }),
      ...(this.#since !== undefined && { since: this.#since }),
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
        const { sentMs } = await this.#member.heartbeat(this.#generation)
        // Lost meanwhile: the coordinator has not noticed, and may go on with us, but not with what we held.
        if (this.#held === undefined) return
        this.#answered(sentMs)
        await this.#positions.publishIfDue(this.#member.in(this.#generation), this.#held)
      } catch (error) {
        if (!isGroupTrouble(error)) throw error
        if (error instanceof GroupAnswer && error.code === GroupCode.REBALANCING) {
          if (this.#held !== undefined) this.#answered(error.sentMs)
          return
        }
        if (!isAboutCoordinator(error)) throw error
        // The membership outlives its coordinator: the next one knows it too.
        this.#noteTrouble(error)
        pauseMs = Math.min(intervalMs, AWAY_PAUSE_MS)
      }
    }
  }

  #hold(generation: number, partitions: readonly number[], sentMs: number): void {
    if (this.#isLeaving()) return
    if (!this.#isNext(generation))
      this.#lose('a generation of the group was missed, in which others may have held them')
    const before = this.#held
    const held = new Set(partitions)
    for (const partition of held) this.#onDisk.add(partition)
    this.#generation = generation
    this.#since ??= generation
    this.#held = held
    this.#answered(sentMs)
    if (before === undefined || !isSame(before, held)) this.#logHeld(held)
    this.#listener?.assigned(held)
  }

  /** Whether no generation was missed in which others could have had what is held. */
  #isNext(generation: number): boolean {
    if (this.#held === undefined || this.#held.size === 0) return true
    return this.#generation !== undefined && generation <= this.#generation + 1
  }

  #answered(sentMs: number | undefined): void {
    if (sentMs !== undefined) this.#session.renew(sentMs)
    this.#trouble = ''
    this.#refusedSinceMs = undefined
  }

  #lose(why: string): void {
    this.#session.end()
    if (this.#held === undefined) return
    this.#held = undefined
    const { group } = this.#definition
    this.#parts.log.warn(
      { group, why },
      `group ${group}: its partitions are lost: ${why}; joining again`,
    )
    this.#listener?.lost()
  }

  #sessionExpired(): void {
    const seconds = this.#definition.sessionTimeoutMs / 1_000
    const why = this.#trouble === '' ? 'this process stood still' : this.#trouble
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
    this.#noteTrouble(error)
    if (mayPass(error)) {
      this.#refusedSinceMs = undefined
      return undefined
    }
    const nowMs = this.#parts.clock.monotonicMs()
    this.#refusedSinceMs ??= nowMs
    const patienceMs = this.#since === undefined ? REFUSED_PATIENCE_FIRST_MS : REFUSED_PATIENCE_MS
    if (nowMs - this.#refusedSinceMs < patienceMs) return undefined
    if (error instanceof GroupAnswer) return groupRefused(this.#definition, error.code)
    const cause = error instanceof ClusterUnreachable ? error : new ClusterUnreachable([error])
    return refused(this.#definition, cause)
  }

  async #fail(error: unknown): Promise<void> {
    this.#session.end()
    const holdsNothing = this.#held === undefined || this.#held.size === 0
    this.#listener?.failed(error)
    // Whoever holds something ends it first, and leaves when he is disposed of.
    if (holdsNothing) await this.#leaveGroup()
  }

  #noteTrouble(error: unknown): void {
    const { group } = this.#definition
    const text = error instanceof Error ? error.message : String(error)
    if (text !== this.#trouble) this.#parts.log.debug({ group }, `group ${group}: ${text}`)
    this.#trouble = text
  }

  async #leave(): Promise<void> {
    this.#over.abort()
    this.#session.end()
    await this.#leaveGroup()
    // A broker that hangs is not waited for.
    await this.#within(Promise.all([this.#cluster[Symbol.asyncDispose](), this.#living]))
  }

  async #leaveGroup(): Promise<void> {
    const [me, held] = [this.#member.in(this.#generation), this.#held]
    this.#held = undefined
    const saying = async (): Promise<void> => {
      if (held !== undefined) await this.#positions.publish(me, held, this.#member.freeLane)
      await this.#member.leave()
    }
    await this.#within(saying().catch((error: unknown) => this.#noteTrouble(error)))
  }

  async #within(work: Promise<unknown>): Promise<void> {
    const patience = new AbortController()
    await Promise.race([work, this.#parts.clock.sleep(LEAVE_MAX_MS, patience.signal)])
    patience.abort()
  }
}

function heartbeatMs({ sessionTimeoutMs }: KafkaLog): number {
  return Math.min(HEARTBEAT_MAX_MS, sessionTimeoutMs / HEARTBEATS_PER_SESSION)
}

function isSame(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one))
}
