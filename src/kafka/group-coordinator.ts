/**
 * The broker that coordinates a group: found when it is asked first, and again after it did not answer or said that it is
 * another by now. One attempt each: when to ask again is the caller's to decide.
 */
import { invariant } from '../errors.ts'
import type { WireRequest } from './broker-connection.ts'
import { decodeAnswer } from './cluster.ts'
import type { ConnectionLane, KafkaCluster } from './cluster.ts'
import { ConnectionFailure } from './connection-failure.ts'
import { GroupCode } from './group-errors.ts'
import { decodeFindCoordinator, findCoordinatorRequest } from './group-requests.ts'
import { ClusterUnreachable, codeName } from './kafka-errors.ts'

/** The coordinator answered, and not what was asked for. */
export class GroupAnswer extends Error {
  override readonly name = 'GroupAnswer'
  readonly code: number
  /** When the question was sent, monotonic, where it matters. */
  readonly sentMs: number | undefined

  constructor(what: string, code: number, sentMs?: number) {
    super(`the group's coordinator answers ${codeName(code)} to ${what}`)
    this.code = code
    this.sentMs = sentMs
  }
}

export interface Question<T> {
  readonly request: WireRequest
  readonly decode: (answer: Buffer) => T
  /** How long the coordinator may take its time. */
  readonly waitMs?: number
  readonly lane?: ConnectionLane
}

export class GroupCoordinator {
  readonly #cluster: KafkaCluster
  readonly #group: string
  #node: number | undefined

  constructor(cluster: KafkaCluster, group: string) {
    this.#cluster = cluster
    this.#group = group
  }

  /** @throws ConnectionFailure, ClusterUnreachable, GroupAnswer where there is no coordinator to be asked */
  async ask<T>({ request, decode, waitMs = 0, lane = 'control' }: Question<T>): Promise<T> {
    const node = await this.#find()
    try {
      const answer = await this.#cluster.send(node, lane, request, waitMs)
      return decodeAnswer(request.apiName, answer, decode)
    } catch (error) {
      if (error instanceof ConnectionFailure) this.forget()
      throw error
    }
  }

  /** It said that it coordinates this group no more. */
  forget(): void {
    this.#node = undefined
  }

  async #find(): Promise<number> {
    if (this.#node !== undefined) return this.#node
    if (this.#cluster.metadata === undefined) await this.#cluster.refresh()
    const request = findCoordinatorRequest(this.#group)
    const answer = await this.#cluster.sendToAny(request)
    const { errorCode, node } = decodeAnswer('FindCoordinator', answer, decodeFindCoordinator)
    if (errorCode !== GroupCode.NONE) throw new GroupAnswer('FindCoordinator', errorCode)
    if (!this.#knows(node)) await this.#cluster.refresh()
    if (!this.#knows(node)) throw new GroupAnswer('FindCoordinator', GroupCode.NOT_AVAILABLE)
    this.#node = node
    return node
  }

  #knows(node: number): boolean {
    const { metadata } = this.#cluster
    invariant(metadata !== undefined, 'metadata that was asked for')
    return metadata.brokers.has(node)
  }
}

/** What is wrong lies between us and the brokers, or with them; everything else is a bug or a decision. */
export type GroupTrouble = ConnectionFailure | ClusterUnreachable | GroupAnswer

export function isGroupTrouble(error: unknown): error is GroupTrouble {
  return (
    error instanceof ConnectionFailure ||
    error instanceof ClusterUnreachable ||
    error instanceof GroupAnswer
  )
}

/** Waiting, or asking another broker, may help. */
export function mayPass(trouble: GroupTrouble): boolean {
  return trouble instanceof GroupAnswer ? PASSING.has(trouble.code) : !trouble.isRefusal
}

/** The group, and our membership of it, are as they were: only the coordinator is away. */
export function isAboutCoordinator(trouble: GroupTrouble): boolean {
  return trouble instanceof GroupAnswer ? COORDINATOR_AWAY.has(trouble.code) : !trouble.isRefusal
}

const COORDINATOR_AWAY: ReadonlySet<number> = new Set([
  GroupCode.LOADING,
  GroupCode.NOT_AVAILABLE,
  GroupCode.NOT_COORDINATOR,
  GroupCode.REQUEST_TIMED_OUT,
])

const PASSING: ReadonlySet<number> = new Set([
  ...COORDINATOR_AWAY,
  GroupCode.ILLEGAL_GENERATION,
  GroupCode.UNKNOWN_MEMBER,
  GroupCode.REBALANCING,
])
