/** Bugs in where reading begins and in what a record's time decides. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const OPEN = 'src/engine/open-partition.ts'
const TASK = 'src/engine/partition-task.ts'
const SET = 'src/engine/partition-set.ts'
const TIME = 'src/core/partition-time.ts'
const READER = 'const reader = await openReader(parts, assignment, head.nextOffset)'

export const LOG_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'reading begins at the group’s offset instead of the state’s',
    edits: [
      edit(
        OPEN,
        READER,
        'const reader = await openReader(parts, assignment, (parts.lease as any)?.published(partition) ?? head.nextOffset)',
      ),
    ],
  },
  {
    name: 'the group’s offset is published before the batch is durable',
    edits: [
      edit(
        TASK,
        '    const state = composeCommit(',
        '    publish(this.#nextOffset)\n    const state = composeCommit(',
      ),
      edit(TASK, '    publish(this.#nextOffset)\n  }', '  }'),
    ],
  },
  {
    name: 'a seek of an earlier assignment is applied when the partition comes back',
    edits: [
      edit(
        SET,
        '  #stopped = false\n',
        '  #stopped = false\n  readonly #seeks = new Map<number, number>()\n',
      ),
      edit(
        SET,
        'const opened = await openPartition(this.#parts, assignment, state)\n',
        'const seek = this.#seeks.get(held.partition)\n' +
          '      const opened = await openPartition(this.#parts, { ...assignment, seek } as any, state)\n' +
          '      this.#seeks.set(held.partition, opened.task.progress.startOffset)\n',
      ),
      edit(
        OPEN,
        READER,
        'const reader = await openReader(parts, assignment, (assignment as any).seek ?? head.nextOffset)',
      ),
    ],
  },
  {
    name: 'a partition without a state begins at the end of the log',
    edits: [
      edit(
        OPEN,
        READER,
        'const probe = await openReader(parts, assignment, head.nextOffset)\n' +
          '  const begins = state.head === undefined ? await probe.endOffset() : head.nextOffset\n' +
          '  const reader = await openReader(parts, assignment, begins)',
      ),
    ],
  },
  {
    name: 'the state’s position is read again from its beginning',
    edits: [edit(OPEN, READER, READER.replace('head.nextOffset', 'head.origin'))],
  },
  {
    name: 'a fetched batch is taken for committed when the partition is given away',
    edits: [
      edit(
        TASK,
        '    if (!failed.aborted) await this.#leave()',
        '    const pending = await this.#feed.next().catch(() => undefined)\n' +
          '    if (pending) [this.#nextOffset, this.#hasMoved] = [pending.nextOffset, true]\n' +
          '    if (!failed.aborted) await this.#leave()',
      ),
    ],
  },
  {
    name: 'the watermark is not restored after a restart',
    edits: [
      edit(
        TIME,
        'this.#maxEventTime = state.maxEventTime ?? -Infinity',
        'this.#maxEventTime = -Infinity',
      ),
    ],
  },
  {
    name: 'late records are judged by the ticked watermark',
    edits: [
      edit(
        TIME,
        'this.#policy.allowedLatenessMs <= this.#watermark',
        'this.#policy.allowedLatenessMs <= Math.max(this.#watermark, this.#state.ticked ?? -Infinity)',
      ),
    ],
  },
  {
    name: 'what a tick has closed is not part of the state',
    edits: [
      edit(
        'src/engine/state-commit.ts',
        'time: batchFold.time.state,',
        'time: { ...batchFold.time.state, ticked: undefined, tickCloses: [], closedDay: batchFold.time.logClosedDay },',
      ),
    ],
  },
]
