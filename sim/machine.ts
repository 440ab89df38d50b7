/** A machine: its disk with the states of partitions, each with its lock, its local files, and its wall clock. */
import type { Milestone, PartitionState, StateHead } from '../src/engine/ports.ts'
import { TidemarkError } from '../src/errors.ts'
import { MemoryFiles } from '../src/memory/object-storage.ts'
import { MemoryDisk, diskOf } from '../src/memory/disk.ts'
import { MemoryPartitionState } from '../src/memory/state.ts'
import { wrap } from '../test/support/crash.ts'
import type { Coverage } from './coverage.ts'
import type { Network } from './network.ts'
import type { Process } from './process.ts'

interface StateDirectory {
  disk: MemoryDisk
  lockedBy: Process | undefined
}

/** Told of what becomes of states where a generation changes. */
export interface GenerationWatch {
  /** One goes on under a later generation. */
  onRaised(partition: number, from: number, to: number): void
  /** One that had come up to `nextOffset` is about to be replaced by one that is handed over. */
  onReplaced(partition: number, nextOffset: number): void
}

/** How far any machine has come, by partition: what an opened state is compared with. */
export type Furthest = Map<number, number>

export class Machine {
  readonly name: string
  readonly files = new MemoryFiles()
  /** Records that only the replay has judged whose state was handed over here: what it refused is in its own ledger. */
  readonly skipped = new Set<string>()
  /** How wrong its wall clock is. */
  wallShiftMs = 0
  readonly #states = new Map<number, StateDirectory>()
  readonly #coverage: Coverage
  readonly #furthest: Furthest
  readonly #watch: GenerationWatch | undefined

  constructor(name: string, coverage: Coverage, furthest: Furthest, watch?: GenerationWatch) {
    this.#watch = watch
    this.name = name
    this.#coverage = coverage
    this.#furthest = furthest
  }

  /** @throws STATE_LOCKED */
  async open(process: Process, network: Network, partition: number): Promise<PartitionState> {
    const directory = this.#directory(partition)
    this.#lock(directory, process, partition)
    const state = await MemoryPartitionState.open(directory.disk)
    this.#noteOpened(partition, directory.disk)
    return wrap<PartitionState>(state, {
      commit: (commit) => {
        const { nextOffset, time } = commit.head
        const detail = `[${partition}]@${nextOffset} tiles ${commit.tiles.length} dirty ${commit.dirty.size} cleared ${commit.cleared.length} closed ${time.closedDay ?? ''}`
        const ticked = state.head?.time.ticked
        return network.call(
          { place: 'disk', name: 'state commit', isDurable: true, detail },
          async () => {
            const before = state.head?.generation ?? Infinity
            await state.commit(commit)
            if (commit.head.generation > before)
              this.#watch?.onRaised(partition, before, commit.head.generation)
            this.#furthest.set(partition, Math.max(nextOffset, this.#furthest.get(partition) ?? 0))
            if (time.ticked !== ticked) this.#coverage.hit('path tick closed a day')
          },
        )
      },
      maintain: (bounds) =>
        network.call(
          { place: 'disk', name: 'state maintenance', isDurable: true, detail: `[${partition}]` },
          () => state.maintain(bounds),
        ),
      [Symbol.asyncDispose]: async () => {
        await state[Symbol.asyncDispose]()
        if (directory.lockedBy === process) directory.lockedBy = undefined
      },
    })
  }

  async milestones(partition: number): Promise<Milestone[]> {
    return (await MemoryPartitionState.open(this.#directory(partition).disk)).milestones()
  }

  async peek(partition: number): Promise<PartitionState['head']> {
    return (await MemoryPartitionState.open(this.#directory(partition).disk)).head
  }

  /** A copy of a state that no process is at work with. */
  async released(partition: number): Promise<MemoryPartitionState | undefined> {
    const directory = this.#directory(partition)
    return directory.lockedBy === undefined ? MemoryPartitionState.open(directory.disk) : undefined
  }

  /** What lies on the disk now, for who looks from outside. */
  look(partition: number): MemoryDisk {
    return this.#directory(partition).disk
  }

  /** The files of a checkpoint become the state; the one that was there stays until they are whole. */
  async restore(
    process: Process,
    network: Network,
    {
      partition,
      files,
      generation,
    }: {
      readonly partition: number
      readonly files: AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>
      readonly generation: number | undefined
    },
  ): Promise<void> {
    const directory = this.#directory(partition)
    this.#lock(directory, process, partition)
    try {
      const disk = await diskOf(files, generation)
      await network.call(
        { place: 'disk', name: 'state restore', isDurable: true, detail: `[${partition}]` },
        async () => {
          const { head } = directory.disk
          if (generation !== undefined && head !== undefined)
            this.#watch?.onReplaced(partition, (JSON.parse(head) as StateHead).nextOffset)
          directory.disk = disk
          this.#noteRestored(partition, disk, generation)
        },
      )
      this.#coverage.hit('path state restored from a checkpoint')
    } finally {
      if (directory.lockedBy === process) directory.lockedBy = undefined
    }
  }

  /** What a process held goes with it. */
  release(process: Process): void {
    for (const directory of this.#states.values())
      if (directory.lockedBy === process) directory.lockedBy = undefined
  }

  loseDisk(): void {
    this.#states.clear()
  }

  #lock(directory: StateDirectory, process: Process, partition: number): void {
    if (directory.lockedBy !== undefined) {
      this.#coverage.hit('path lock waited for')
      throw new TidemarkError(
        'STATE_LOCKED',
        `partition ${partition} is open in ${directory.lockedBy.name}`,
      )
    }
    directory.lockedBy = process
  }

  #noteOpened(partition: number, { head, dirty }: MemoryDisk): void {
    const furthest = this.#furthest.get(partition)
    if (furthest === undefined) return
    const path = (name: string): void => this.#coverage.hit(`path ${name}`)
    if (head === undefined) {
      path('state begun again, on another machine or after its loss')
      return
    }
    const { nextOffset, online, time } = JSON.parse(head) as NonNullable<PartitionState['head']>
    path(nextOffset < furthest ? 'state opened that others have overtaken' : 'state opened again')
    if (dirty.size > 0) path('dirty slots found at opening')
    if (online?.scan !== undefined) path("scan's place found at opening")
    if (time.tickCloses.length > 0) path('ticked days found at opening')
  }

  /** What was handed over is durable, however far nobody has come by himself. */
  #noteRestored(partition: number, { head }: MemoryDisk, generation: number | undefined): void {
    const { nextOffset = 0 } = JSON.parse(head ?? '{}') as Partial<StateHead>
    const furthest = this.#furthest.get(partition) ?? 0
    this.#furthest.set(partition, Math.max(nextOffset, furthest))
    if (generation === undefined) return
    const where = nextOffset > furthest ? 'ahead of' : nextOffset < furthest ? 'behind' : 'at'
    this.#coverage.hit(`path state handed over ${where} the furthest owner`)
    for (let offset = furthest; offset < nextOffset; offset += 1)
      this.skipped.add(`${partition}@${offset}`)
  }

  #directory(partition: number): StateDirectory {
    const known = this.#states.get(partition) ?? { disk: new MemoryDisk(), lockedBy: undefined }
    this.#states.set(partition, known)
    return known
  }
}
