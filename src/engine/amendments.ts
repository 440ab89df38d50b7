/** Loads what a generation amends, once at the start of a run: records that it accepts are decoded like any others. */
import type { AcceptedRecords, PartitionAmendments } from '../core/amendments.ts'
import { createCalendar, formatDay } from '../core/day.ts'
import { Decoded, position } from '../core/event.ts'
import type { EventBatch, RecordBatch } from '../core/event.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { TidemarkError } from '../errors.ts'
import { acceptedOf } from './amended-port.ts'
import type { Accepted, KeptRecord } from './amended-port.ts'
import type { RunParts } from './parts.ts'

/** By partition; a partition that has none is absent. */
export type Amendments = ReadonlyMap<number, PartitionAmendments>

const NONE: Amendments = new Map()

/** @throws TABLE_UNAVAILABLE, SCHEMA_UNAVAILABLE (retry); TABLE_REFUSED where records are missing or cannot be decoded */
export async function loadAmendments(
  parts: RunParts,
  { generation, amendments }: GenerationRecord,
): Promise<Amendments> {
  if (amendments.length === 0) return NONE
  const accepted = acceptedOf(amendments)
  const kept = accepted.length === 0 ? [] : await parts.amended?.get(accepted)
  if (kept === undefined) throw missing(parts, generation, accepted)
  const loaded = new Map<number, PartitionAmendments>()
  for (const partition of new Set(amendments.map((one) => one.partition))) {
    const own = amendments.filter((one) => one.partition === partition)
    const dropped = own.filter(({ kind }) => kind === 'drop').map(({ offset }) => offset)
    loaded.set(partition, {
      dropped: new Set(dropped),
      accepted: await decodeAccepted(parts, {
        accepted: acceptedOf(own),
        records: kept.filter((record) => record.partition === partition),
      }),
    })
  }
  return loaded
}

function missing(
  { amended, pipeline }: RunParts,
  generation: number,
  accepted: readonly Accepted[],
): TidemarkError {
  const place = amended?.place(accepted) ?? '_tidemark/amendments'
  return new TidemarkError(
    'TABLE_REFUSED',
    `${pipeline.name}: generation ${generation} accepts ${accepted.length} late records whose bytes are missing: ${place}. ` +
      `Nothing was read. Bring that file back from a copy; without it days that were healed would lose them again`,
  )
}

async function decodeAccepted(
  { decoder, pipeline, source: { topic } }: RunParts,
  {
    accepted,
    records,
  }: { readonly accepted: readonly Accepted[]; readonly records: readonly KeptRecord[] },
): Promise<AcceptedRecords> {
  const batch = batchOf(records)
  await decoder.prepare?.(batch)
  const events = decoder.decode(batch)
  const calendar = createCalendar(pipeline.time.zone)
  const days = accepted.map(({ partition, offset, day }, i) => {
    const found = dayOf(events, i, (eventTime) => calendar.dayOf(eventTime))
    if (events.records.offsets[i] === offset && found === day) return day
    throw new TidemarkError(
      'TABLE_REFUSED',
      `${position(topic, partition, offset)} is accepted as an event of ${formatDay(day)}, but what is kept of it is ${found === undefined ? `no event (${events.problems.get(i) ?? 'no value'})` : `one of ${formatDay(found)}`}. ` +
        `Nothing was read. The file beside the generations' records was changed, or the pipeline file reads events in another way`,
    )
  })
  return { events, days, offsets: new Set(accepted.map(({ offset }) => offset)) }
}

function dayOf(
  { outcomes, eventTimes }: EventBatch,
  i: number,
  ofTime: (eventTime: number) => number,
): number | undefined {
  return outcomes[i] === Decoded.EVENT ? ofTime(eventTimes[i] as number) : undefined
}

/** As the log gave them. */
function batchOf(records: readonly KeptRecord[]): RecordBatch {
  const { length: count } = records
  const starts = (): Int32Array => new Int32Array(count).fill(-1)
  const batch = {
    keyStarts: starts(),
    keyEnds: starts(),
    valueStarts: starts(),
    valueEnds: starts(),
  }
  const pieces: Uint8Array[] = []
  let end = 0
  const add = (bytes: Uint8Array | null, begins: Int32Array, ends: Int32Array, i: number): void => {
    if (bytes === null) return
    pieces.push(bytes)
    begins[i] = end
    end += bytes.length
    ends[i] = end
  }
  for (const [i, { key, value }] of records.entries()) {
    add(key, batch.keyStarts, batch.keyEnds, i)
    add(value, batch.valueStarts, batch.valueEnds, i)
  }
  return {
    ...batch,
    count,
    bytes: Buffer.concat(pieces),
    offsets: Float64Array.from(records, ({ offset }) => offset),
    timestamps: Float64Array.from(records, ({ timestamp }) => timestamp),
    headers: records.map(({ headers }) => headers),
    nextOffset: (records.at(-1)?.offset ?? -1) + 1,
  }
}
