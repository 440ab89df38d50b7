/**
 * A member of a group, as its coordinator sees it: the id that it was given, and the questions of a member's life, each
 * asked once. What follows from the answers is the lease's to decide.
 */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock } from '../engine/ports.ts'
import type { ConnectionLane } from './cluster.ts'
import { GroupAnswer, isAboutCoordinator, isGroupTrouble } from './group-coordinator.ts'
import type { GroupCoordinator, Question } from './group-coordinator.ts'
import { GroupCode } from './group-errors.ts'
import {
  decodeErrorCode,
  decodeJoinGroup,
  decodeSyncGroup,
  heartbeatRequest,
  joinGroupRequest,
  leaveGroupRequest,
  syncGroupRequest,
} from './group-requests.ts'
import type { JoinAnswer, MemberOfGeneration } from './group-requests.ts'

export interface GroupMemberParts {
  readonly clock: Clock
  readonly coordinator: GroupCoordinator
  /** Called before any answer, or failure, is believed. */
  readonly beforeBelieving: () => void
}

interface Answered<T> {
  readonly answer: T
  /** Monotonic. */
  readonly sentMs: number
}

const PROTOCOL = 'tidemark-sticky'
const LEAVE_PAUSE_MS = 50

export class GroupMember {
  readonly #definition: KafkaLog
  readonly #parts: GroupMemberParts
  /** Empty: the coordinator does not know us. */
  #id = ''
  #isJoining = false

  constructor(definition: KafkaLog, parts: GroupMemberParts) {
    this.#definition = definition
    this.#parts = parts
  }

  in(generation: number | undefined): MemberOfGeneration {
    return { group: this.#definition.group, generation: generation ?? -1, member: this.#id }
  }

  /** A connection on which the coordinator waits for others to join is of no use for anything else. */
  get freeLane(): ConnectionLane {
    return this.#isJoining ? 'behind' : 'control'
  }

  /** Answered when all members have joined. @throws GroupTrouble */
  async join(subscription: Buffer): Promise<JoinAnswer> {
    this.#isJoining = true
    try {
      const first = await this.#askToJoin(subscription)
      if (first.errorCode !== GroupCode.MEMBER_ID_REQUIRED) return this.#joined(first)
      this.#id = first.member
      return this.#joined(await this.#askToJoin(subscription))
    } finally {
      this.#isJoining = false
    }
  }

  /** @throws GroupTrouble */
  async sync(
    { generation }: JoinAnswer,
    assignments: ReadonlyMap<string, Buffer>,
  ): Promise<Answered<Buffer>> {
    const { answer, sentMs } = await this.#ask({
      request: syncGroupRequest(this.in(generation), assignments),
      decode: decodeSyncGroup,
      waitMs: this.#definition.sessionTimeoutMs,
    })
    if (answer.errorCode !== GroupCode.NONE) throw this.#problem('SyncGroup', answer.errorCode)
    return { answer: answer.assignment, sentMs }
  }

  /** Answered well: the coordinator counts us in, in this generation. @throws GroupTrouble */
  async heartbeat(generation: number | undefined): Promise<{ readonly sentMs: number }> {
    const { answer, sentMs } = await this.#ask({
      request: heartbeatRequest(this.in(generation)),
      decode: decodeErrorCode,
    })
    if (answer !== GroupCode.NONE) throw this.#problem('Heartbeat', answer, sentMs)
    return { sentMs }
  }

  /**
   * The others share out at once what we held. Tried through connections that break, until `isOver`: a member that is gone
   * without a word is waited for, for a session, whenever another one comes.
   */
  async leave(isOver: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    while (this.#id !== '' && !isOver.aborted) {
      try {
        await this.#askToLeave()
        this.#id = ''
      } catch (error) {
        if (!isGroupTrouble(error) || !isAboutCoordinator(error)) return
        await clock.sleep(LEAVE_PAUSE_MS, isOver)
      }
    }
  }

  async #askToLeave(): Promise<void> {
    const request = leaveGroupRequest(this.#definition.group, this.#id)
    const question = { request, decode: decodeErrorCode, lane: this.freeLane }
    const code = await this.#parts.coordinator.ask(question)
    if (code !== GroupCode.NONE) throw this.#problem('LeaveGroup', code)
  }

  async #askToJoin(subscription: Buffer): Promise<JoinAnswer> {
    const { group, sessionTimeoutMs } = this.#definition
    const request = joinGroupRequest({
      group,
      member: this.#id,
      sessionTimeoutMs,
      // Whoever is silent for a session is put out anyway; nobody is put out before he can know it.
      rebalanceTimeoutMs: sessionTimeoutMs,
      protocol: PROTOCOL,
      subscription,
    })
    const question = { request, decode: decodeJoinGroup, waitMs: sessionTimeoutMs }
    const { answer } = await this.#ask(question, { mayTakeLong: true })
    return answer
  }

  #joined(answer: JoinAnswer): JoinAnswer {
    if (answer.errorCode !== GroupCode.NONE) throw this.#problem('JoinGroup', answer.errorCode)
    this.#id = answer.member
    return answer
  }

  /** An answer that was in the socket while this process slept is not believed. */
  async #ask<T>(question: Question<T>, { mayTakeLong = false } = {}): Promise<Answered<T>> {
    const { clock, coordinator, beforeBelieving } = this.#parts
    const sentMs = clock.monotonicMs()
    try {
      const answer = await coordinator.ask(question)
      const isStale = clock.monotonicMs() - sentMs >= this.#definition.sessionTimeoutMs
      if (isStale && !mayTakeLong)
        throw new GroupAnswer(question.request.apiName, GroupCode.REQUEST_TIMED_OUT)
      return { answer, sentMs }
    } finally {
      beforeBelieving()
    }
  }

  #problem(what: string, code: number, sentMs?: number): GroupAnswer {
    if (code === GroupCode.UNKNOWN_MEMBER) this.#id = ''
    if (code === GroupCode.NOT_COORDINATOR || code === GroupCode.NOT_AVAILABLE)
      this.#parts.coordinator.forget()
    return new GroupAnswer(what, code, sentMs)
  }
}
