/** Bugs in what generations amend about single records, and in the ledger that late ones are accepted from. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const JUDGE = 'src/core/judge.ts'
const AMENDMENTS = 'src/core/amendments.ts'

export const AMENDMENT_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'a dropped record moves the watermark all the same',
    edits: [
      edit(
        JUDGE,
        'if (this.#amendments?.dropped.has(events.records.offsets[i] as number) === true)\n      return Verdict.AMENDED',
        'if (this.#amendments?.dropped.has(events.records.offsets[i] as number) === true) {\n' +
          '      if (events.outcomes[i] === Decoded.EVENT) this.#accept(events, i)\n' +
          '      return Verdict.AMENDED\n    }',
      ),
    ],
  },
  {
    name: 'a dropped record is folded',
    edits: [
      edit(
        JUDGE,
        'if (this.#amendments?.dropped.has(events.records.offsets[i] as number) === true)',
        'if (this.#amendments?.dropped.has(events.records.offsets[i] as number) === null)',
      ),
    ],
  },
  {
    name: 'an accepted record is folded twice at the close of its day',
    edits: [
      edit(
        JUDGE,
        'return dueRecords(accepted, { ...close, offset }).map((index) => {',
        'return dueRecords(accepted, { ...close, offset }).flatMap((index) => [index, index]).map((index) => {',
      ),
    ],
  },
  {
    name: 'an accepted record is folded again at every later close',
    edits: [
      edit(
        AMENDMENTS,
        'const isClosed = day > close.after && day <= close.through',
        'const isClosed = day <= close.through',
      ),
    ],
  },
  {
    name: 'an accepted record is folded at its own place instead of at the close of its day',
    edits: [
      edit(
        JUDGE,
        'if (this.#time.isTooLate(bucket)) return Verdict.TOO_LATE',
        'if (this.#time.isTooLate(bucket))\n' +
          '      return this.#amendments?.accepted.offsets.has(events.records.offsets[i] as number) === true\n' +
          '        ? Verdict.ACCEPTED\n        : Verdict.TOO_LATE',
      ),
      edit(
        JUDGE,
        'healed.push(...this.#heal(events, close, { known, seen }))',
        'this.#heal(events, close, { known, seen })',
      ),
    ],
  },
  {
    name: 'a later replay forgets what earlier ones have amended',
    edits: [
      edit(
        'src/replay/plan-replay.ts',
        'amendments: joined(stored.amendments, added)',
        'amendments: joined([], added)',
      ),
    ],
  },
  {
    name: 'the late ledger names the day of the record’s timestamp instead of its bucket',
    edits: [
      edit(
        'src/engine/rejects.ts',
        'late: { day: bucket, entities }',
        'late: { day: context.calendar.dayOf(reject.timestamp), entities }',
      ),
    ],
  },
  {
    name: 'days that a reset watermark had closed stay in the tables',
    edits: [
      edit(
        'src/replay/carry-out.ts',
        'reset.has(partition) && day >= stagedDays(plan, partition).first',
        'reset.has(partition) && day < stagedDays(plan, partition).first',
      ),
    ],
  },
]
