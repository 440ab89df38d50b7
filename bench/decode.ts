/** Bytes to events: the decoders over the workload's log, and what their parsers cost alone. */
import avsc from 'avsc'
import { readFile } from 'node:fs/promises'
import type { RecordBatch } from '../src/core/event.ts'
import { createDecoder } from '../src/format/decoder.ts'
import { createFileLog } from '../src/source/file-log.ts'
import type { Bench, BenchOptions } from './bench.ts'
import { benchPipeline } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { workloadLog } from './workload-files.ts'
import type { Encoding } from './workload.ts'

const FETCH_BYTES = 4 * 1024 * 1024

export const decode: Bench = {
  about: 'bytes of the log to columns of events',
  unit: 'events',
  events: 2_000_000,
  cases: [
    {
      name: 'json: read',
      isLimit: true,
      run: (options) => measureRead('json', options, () => undefined),
    },
    { name: 'json: read + JSON.parse', isLimit: true, run: measureJsonParse },
    { name: 'json: read + decode', run: (options) => measureDecode('json', options) },
    {
      name: 'avro: read',
      isLimit: true,
      run: (options) => measureRead('avro', options, () => undefined),
    },
    { name: 'avro: read + avsc', isLimit: true, run: measureAvsc },
    { name: 'avro: read + decode', run: (options) => measureDecode('avro', options) },
  ],
}

async function measureDecode(encoding: Encoding, options: BenchOptions): Promise<Measured> {
  const pipeline = await benchPipeline({ encoding, log: '-', place: '-', slots: 1 })
  const decoder = createDecoder(pipeline)
  return measureRead(encoding, options, (batch) => decoder.decode(batch))
}

function measureJsonParse(options: BenchOptions): Promise<Measured> {
  return measureRead('json', options, ({ count, bytes, valueStarts, valueEnds }) => {
    for (let i = 0; i < count; i += 1)
      JSON.parse(bytes.toString('latin1', valueStarts[i], valueEnds[i]))
  })
}

async function measureAvsc(options: BenchOptions): Promise<Measured> {
  const schema = await readFile(new URL('w1.avsc', import.meta.url), 'utf8')
  const type = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema)
  return measureRead('avro', options, ({ count, bytes, valueStarts, valueEnds }) => {
    for (let i = 0; i < count; i += 1) {
      type.fromBuffer(bytes.subarray(valueStarts[i], valueEnds[i]))
    }
  })
}

async function measureRead(
  encoding: Encoding,
  { events }: BenchOptions,
  use: (batch: RecordBatch) => unknown,
): Promise<Measured> {
  const directory = await workloadLog(encoding, events)
  return measure(async () => {
    let count = 0
    for await (const batch of batchesOf(directory)) {
      use(batch)
      count += batch.count
    }
    return { count }
  })
}

/** Every record of a log, one partition after the other. */
export async function* batchesOf(directory: string): AsyncGenerator<RecordBatch> {
  await using source = createFileLog(directory)
  const { partitions } = await source.topology()
  for (let partition = 0; partition < partitions; partition += 1) {
    await using reader = await source.open(partition, 0)
    for (;;) {
      const batch = await reader.read(FETCH_BYTES)
      if (batch === undefined) break
      yield batch
    }
  }
}
