/**
 * Positions of the partitions that are held, committed to the group now and then for those who watch lag with Kafka's tools.
 * Nobody of us reads them back, so a failure costs nothing and is told once, to the debugging.
 */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock, Log } from '../engine/ports.ts'
import type { ConnectionLane } from './cluster.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { decodeOffsetCommit, offsetCommitRequest } from './group-requests.ts'
import type { MemberOfGeneration } from './group-requests.ts'
import { codeName } from './kafka-errors.ts'

export interface GroupPositionsParts {
  readonly log: Log
  readonly clock: Clock
  readonly coordinator: GroupCoordinator
  readonly everyMs: number
}

export class GroupPositions {
  readonly #definition: KafkaLog
  readonly #parts: GroupPositionsParts
  /** Not committed yet. */
  readonly #noted = new Map<number, number>()
  #publishedMs = -Infinity
  #wasTold = false

  constructor(definition: KafkaLog, parts: GroupPositionsParts) {
    this.#definition = definition
    this.#parts = parts
  }

  note(partition: number, nextOffset: number): void {
    this.#noted.set(partition, nextOffset)
  }

  async publishIfDue(me: MemberOfGeneration, held: ReadonlySet<number>): Promise<void> {
    const { clock, everyMs } = this.#parts
    if (clock.monotonicMs() - this.#publishedMs >= everyMs) await this.publish(me, held)
  }

  /** Only of partitions that are held: of others the new owner tells. */
  async publish(
    me: MemberOfGeneration,
    held: ReadonlySet<number>,
    lane: ConnectionLane = 'control',
  ): Promise<void> {
    const { clock, coordinator } = this.#parts
    const offsets = new Map([...this.#noted].filter(([partition]) => held.has(partition)))
    this.#noted.clear()
    if (offsets.size === 0) return
    this.#publishedMs = clock.monotonicMs()
    try {
      const request = offsetCommitRequest(me, this.#definition.topic, offsets)
      const code = await coordinator.ask({ request, decode: decodeOffsetCommit, lane })
      if (code !== 0) this.#failed(codeName(code))
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error))
    }
  }

  #failed(reason: string): void {
    if (this.#wasTold) return
    this.#wasTold = true
    const { group } = this.#definition
    this.#parts.log.debug({ group, reason }, `group ${group}: cannot publish positions: ${reason}`)
  }
}
