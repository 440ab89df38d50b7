/**
 * A slot that is missing of a complete day, although its table has something of it on the day before. Two owners of a partition may
 * know different stretches of the log: one that begins anew calls a day complete by what it knows, beside files of one that knew more.
 *
 *  - A day that only ticks have closed is complete as far as the one who ticked knew.
 *  - A day that the log has closed is complete with all that the log had said of it by then. What came late to it is a correction: the
 *    day before may show that already, where the one who wrote it died before it came to this day.
 */
import { slotOf } from '../src/core/slot.ts'
import { civilDay } from '../test/support/civil-oracle.ts'
import { entityText } from '../test/support/compare-sinks.ts'
import { judgePartition, type OraclePartition } from '../test/support/judge-oracle.ts'
import { foldedRecords } from '../test/support/oracle.ts'
import { generationRecords } from './publish.ts'
import { rowsTable } from './tables.ts'
import type { World } from './world.ts'

const DAY_MS = 86_400_000
const MISSING_SLOT =
  /^(\S+) version \d+: (\d{4}-\d\d-\d\d) is complete, but slot \S+ p(\d+) s(\d+) is missing/

type Judge = Pick<World, 'pipeline' | 'scenario' | 'judged' | 'tables'>

interface MissingSlot {
  readonly table: string
  readonly day: number
  readonly partition: number
  readonly slot: number
}

/** Whether what a reader of a table missed need not be there yet. */
export function mayBeMissing(world: Judge, problem: string): boolean {
  const [, table = '', ds = '', partition = '', slot = ''] = MISSING_SLOT.exec(problem) ?? []
  if (ds === '') return false
  const day = Date.parse(ds) / DAY_MS
  const missing = { table, day, partition: Number(partition), slot: Number(slot) }
  return isOfTickedDay(world, missing) || isOfLateRecords(world, missing)
}

/** The log itself never closes the day. */
function isOfTickedDay({ pipeline, scenario }: Judge, { day, partition }: MissingSlot): boolean {
  const log = scenario.partitions[partition]
  return log !== undefined && day > (judgePartition(pipeline, log).closedDay ?? -Infinity)
}

/** When the log closed the day it had said nothing of the slot that the day's windows, or its all-empty rows, are of. */
function isOfLateRecords(world: Judge, missing: MissingSlot): boolean {
  const { pipeline, judged } = world
  const view = pipeline.views.find((each) => rowsTable(each) === missing.table)
  if (view === undefined) return false
  const { day, partition, slot } = missing
  const slots = pipeline.sinks.offline?.slots ?? 1
  const first = day - Math.max(...view.windows)
  const saysNothing = (part: OraclePartition): boolean => {
    const closedAt = closingOffset(world, part, day)
    return foldedRecords(pipeline, view, part)
      .filter(({ entity }) => slotOf(entityText(pipeline, view.entity, entity), slots) === slot)
      .flatMap(({ records }) => records)
      .every((record) => record.offset > closedAt || record.day < first || record.day > day)
  }
  return judged
    .upTo(generationRecords(world).length)
    .flatMap((parts) => parts.filter((part) => part.partition === partition))
    .every(saysNothing)
}

/** Of the record that closed the day; Infinity where none did. */
function closingOffset({ pipeline: { time } }: Judge, part: OraclePartition, day: number): number {
  const closing = part.judged.find(
    ({ outcome, eventTime = -Infinity }) =>
      outcome === 'accepted' && civilDay(time.zone, eventTime - time.outOfOrdernessMs) > day,
  )
  return closing?.record.offset ?? Infinity
}
