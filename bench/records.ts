/** Kafka's record batches to columns: checksum, decompression, records. The bytes are made before the clock runs. */
import { crc32c } from '../src/core/crc32c.ts'
import { loadCodecs } from '../src/kafka/codecs.ts'
import { decodeRecords } from '../src/kafka/record-batch.ts'
import type { CodecName } from '../test/kafka/encode-batch.ts'
import { encodeBatch } from '../test/kafka/encode-batch.ts'
import type { Bench, BenchCase, BenchOptions } from './bench.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'

/** About what librdkafka and the Java client put into a batch, and a broker into a fetch. */
const RECORDS_PER_BATCH = 500
const BATCHES_PER_FETCH = 20
const RECORDS_PER_FETCH = RECORDS_PER_BATCH * BATCHES_PER_FETCH
const EVENT_MS = 1_722_800_000_000

export const records: Bench = {
  about: 'record batches as a broker sends them to columns; events are JSON of 116 bytes',
  unit: 'records',
  events: 5_000_000,
  cases: [
    {
      name: 'none: checksum',
      isLimit: true,
      run: (options) => measureFetches('none', options, (bytes) => crc32c(bytes)),
    },
    ...(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).map((codec): BenchCase => ({
      name: codec,
      run: (options) => measureFetches(codec, options, decodeFetch),
    })),
  ],
}

function decodeFetch(bytes: Buffer): void {
  const place = { topic: 'events', partition: 0, from: 0 }
  const { count } = decodeRecords({ records: bytes, aborted: [] }, place)
  if (count !== RECORDS_PER_FETCH) throw new Error(`${count} records`)
}

async function measureFetches(
  codec: CodecName,
  { events }: BenchOptions,
  use: (bytes: Buffer) => unknown,
): Promise<Measured> {
  await loadCodecs()
  const bytes = encodeFetch(codec)
  const fetches = Math.ceil(events / RECORDS_PER_FETCH)
  return measure(() => {
    for (let fetch = 0; fetch < fetches; fetch += 1) use(bytes)
    return { count: fetches * RECORDS_PER_FETCH, notes: { 'bytes a fetch': bytes.length } }
  })
}

function encodeFetch(codec: CodecName): Buffer {
  return Buffer.concat(
    Array.from({ length: BATCHES_PER_FETCH }, (_, batch) =>
      encodeBatch({
        baseOffset: batch * RECORDS_PER_BATCH,
        lastOffsetDelta: RECORDS_PER_BATCH - 1,
        codec,
        records: Array.from({ length: RECORDS_PER_BATCH }, (__, at) => ({
          offsetDelta: at,
          timestamp: BigInt(EVENT_MS + at),
          key: `u-${at % 100}`,
          value: eventText(batch * RECORDS_PER_BATCH + at),
          headers: [],
        })),
      }),
    ),
  )
}

function eventText(n: number): string {
  const event = {
    event_id: `e-${n}`,
    user_id: `u-${n % 100}`,
    item_id: `i-${(n * 7) % 500}`,
    event_ts: EVENT_MS + n,
    event_type: n % 3 === 0 ? 'buy' : 'view',
    amount: ((n * 37) % 10_000) / 100,
  }
  return JSON.stringify(event).padEnd(116)
}
