/** Where each partition of a log begins and ends now, and how large its records are: asked for, or read from a small sample. */
import type { RecordBatch } from '../core/event.ts'
import type { Clock, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { LogSpan } from '../replay/knowledge.ts'
import { isKafka } from './compose.ts'

/** By partition. */
export type LogSpans = readonly LogSpan[]

const SAMPLED_PARTITIONS_MAX = 4
const SAMPLED_RECORDS = 1_000
const SAMPLED_BYTES = 256 * 1024
/** A log behind a network may have nothing at hand yet. */
const SAMPLE_PATIENCE_MS = 3_000
const READ_AGAIN_MS = 20

/** @throws SOURCE_*, REPLAY_REFUSED where records of the past were removed from within it */
export async function spansOfLog(source: RecordSource, clock: Clock): Promise<LogSpans> {
  const { partitions } = await source.topology()
  if (!isKafka(source)) return spansOfFiles(source, partitions, clock)
  const facts = await source.topicFacts()
  if (facts !== 'not allowed' && facts.cleanupPolicy.includes('compact')) {
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `${source.topic} has cleanup.policy ${facts.cleanupPolicy.join(',')}: of each key older records are removed, so it is no history: what was counted once cannot be counted again. ` +
        'Replay an archive of the raw events (--archive)',
    )
  }
  const starts = await source.logStarts()
  const spans: Span[] = []
  for (const [partition, start] of starts.entries()) {
    const tail = await source.tail?.(partition, 0)
    spans.push({ start, end: tail?.endOffset ?? start })
  }
  const recordBytes = await sampleBytes(source, spans, {
    clock,
    from: ({ start, end }) => Math.max(start, end - SAMPLED_RECORDS),
  })
  return spans.map((span) => ({ ...span, unit: 'records', recordBytes }))
}

async function spansOfFiles(
  source: RecordSource,
  partitions: number,
  clock: Clock,
): Promise<LogSpan[]> {
  const spans: Span[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    await using reader = await source.open(partition, 0)
    spans.push({ start: 0, end: await reader.endOffset() })
  }
  const recordBytes = await sampleBytes(source, spans, { clock, from: ({ start }) => start })
  return spans.map((span) => ({ ...span, unit: 'bytes', recordBytes }))
}

type Span = Pick<LogSpan, 'start' | 'end'>

/** Of a record, on average over a stretch of some partitions. */
async function sampleBytes(
  source: RecordSource,
  spans: readonly Span[],
  { clock, from }: { readonly clock: Clock; readonly from: (span: Span) => number },
): Promise<number> {
  let records = 0
  let bytes = 0
  const sampled = [...spans.entries()]
    .filter(([, { start, end }]) => end > start)
    .slice(0, SAMPLED_PARTITIONS_MAX)
  for (const [partition, span] of sampled) {
    await using reader = await source.open(partition, from(span))
    const until = clock.monotonicMs() + SAMPLE_PATIENCE_MS
    let batch = await reader.read(SAMPLED_BYTES)
    while (batch === undefined && clock.monotonicMs() < until) {
      await clock.sleep(READ_AGAIN_MS)
      batch = await reader.read(SAMPLED_BYTES)
    }
    records += batch?.count ?? 0
    bytes += batch === undefined ? 0 : bytesOf(batch)
  }
  return records === 0 ? 0 : bytes / records
}

/** Keys and values: a batch may lie in a larger block. */
function bytesOf({ count, ...batch }: RecordBatch): number {
  let bytes = 0
  for (let i = 0; i < count; i += 1) {
    // Both are -1 where there is none.
    bytes += (batch.keyEnds[i] ?? 0) - (batch.keyStarts[i] ?? 0)
    bytes += (batch.valueEnds[i] ?? 0) - (batch.valueStarts[i] ?? 0)
  }
  return bytes
}
