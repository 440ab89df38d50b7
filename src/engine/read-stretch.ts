/** Records of a part of a log, for who looks at them and commits nothing. */
import type { RecordBatch } from '../core/event.ts'
import type { RecordSource } from './ports.ts'

const READ_BYTES = 4 * 1024 * 1024
/** Reads in a row that find nothing before the log is asked whether it is still there. */
const EMPTY_READS_MAX = 20

/** Offsets, half-open. */
export interface Stretch {
  readonly partition: number
  readonly from: number
  readonly end: number
}

/** Batch by batch, until the end is passed: the last one may go beyond it. @throws SOURCE_* where the log goes away meanwhile */
export async function* readStretch(
  source: Pick<RecordSource, 'open'>,
  { partition, from, end }: Stretch,
): AsyncGenerator<RecordBatch> {
  if (from >= end) return
  await using reader = await source.open(partition, from)
  let emptyReads = 0
  for (let next = from; next < end;) {
    const batch = await reader.read(READ_BYTES)
    if (batch === undefined) {
      if (reader.lag(next) === 0) return
      emptyReads += 1
      // Throws where nobody answers any more.
      if (emptyReads % EMPTY_READS_MAX === 0) await reader.endOffset()
      continue
    }
    emptyReads = 0
    next = batch.nextOffset
    yield batch
  }
}
