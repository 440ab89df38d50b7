/** Metrics of the tables: what they lack, what was written, and what their newest days are like. */
import type { PartitionProgress, TableProgress } from '../engine/parts.ts'
import { endOfDay, ofPartition, ofPartitionView, ofRunBy } from './metric.ts'
import type { About, Metric } from './metric.ts'

export const TABLE_METRICS: readonly Metric[] = [
  ofTable({
    name: 'tidemark_table_failing',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 while the place of the tables cannot be written to.',
    of: ({ failing }) => Number(failing),
  }),
  ofTable({
    name: 'tidemark_table_dirty_slots',
    type: 'gauge',
    unit: 'slots',
    help: 'Slots that the tables lack: of closed days and of corrections.',
    of: ({ dirtySlots }) => dirtySlots,
  }),
  ofTable({
    name: 'tidemark_table_waiting_closes',
    type: 'gauge',
    unit: 'days',
    help: 'Closed days that are not whole in the tables; the reading waits when they pile up.',
    of: ({ waitingDays }) => waitingDays,
  }),
  ofPartitionView({
    name: 'tidemark_table_complete_day_end_timestamp_seconds',
    type: 'gauge',
    unit: 'Unix time, s',
    help: 'End of the last day whose every row of the partition is in the table.',
    of: ({ table }, { index }, moment) => endOfDay(table?.complete[index], moment),
  }),
  ofRunBy(['view', 'gate', 'column'], {
    name: 'tidemark_gate_failed',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 while the newest complete day is beyond a limit that the view sets (`validate`). Of the process that holds partition 0; looked at once a minute.',
    *of({ gates }) {
      for (const { view, gate, column = '', passed } of gates)
        yield { labels: { view, gate, column }, value: Number(!passed) }
    },
  }),
  ofPartition({
    name: 'tidemark_rows_written_total',
    type: 'counter',
    unit: 'rows',
    help: 'Rows written to the tables, those of corrections included.',
    of: ({ table, rowsWritten }) => table && rowsWritten,
  }),
  ofTable({
    name: 'tidemark_corrected_rows_total',
    type: 'counter',
    unit: 'rows',
    help: 'Rows of days that had been written before: late records.',
    of: ({ corrections }) => corrections,
  }),
  ofPartition({
    name: 'tidemark_table_commit_duration_seconds',
    type: 'histogram',
    unit: 's',
    help: 'How long a transaction of the tables took, its files included.',
    of: ({ table, meters }) => table && meters.tableSeconds,
  }),
  ofRunBy(['table'], {
    name: 'tidemark_table_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of a table on disk, replaced files that no vacuum has deleted included; measured every five minutes.',
    *of({ sizes }) {
      for (const [table, value] of sizes.tableBytes) yield { labels: { table }, value }
    },
  }),
]

function ofTable(about: About & { readonly of: (table: TableProgress) => number }): Metric {
  return ofPartition({ ...about, of: ({ table }: PartitionProgress) => table && about.of(table) })
}
