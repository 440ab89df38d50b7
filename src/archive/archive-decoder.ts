/** Records of an archive and of the log that goes on where it ends, each decoded as what it is. */
import type { RecordBatch } from '../core/event.ts'
import type { Decoder } from '../engine/ports.ts'

/** @param archived of rows whose fields are columns; the same as `own` where they hold values whole */
export function archiveDecoder(
  isArchived: (batch: RecordBatch) => boolean,
  { archived, own }: { readonly archived: Decoder; readonly own: Decoder },
): Decoder {
  const decoderOf = (batch: RecordBatch): Decoder => (isArchived(batch) ? archived : own)
  return {
    prepare: (batch) => decoderOf(batch).prepare?.(batch),
    decode: (batch) => decoderOf(batch).decode(batch),
  }
}
