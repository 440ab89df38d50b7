/** Pipelines and batches for the decoders' tests: the parts that a decoder reads, and nothing else of interest. */
import type {
  FieldDefinition,
  FieldPath,
  FormatDefinition,
  Pipeline,
} from '../../src/core/definition.ts'
import type { EventBatch, RecordBatch, RecordHeader } from '../../src/core/event.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import type { Decoder } from '../../src/engine/ports.ts'

export interface Shape {
  /** `name -> type`; the path is the name, split at dots, or `$key`, `$timestamp`, `$header.x`. */
  readonly fields: Readonly<Record<string, FieldType>>
  readonly format?: FormatDefinition
  readonly id?: string
  readonly time?: string
  readonly timeFormat?: Pipeline['event']['time']['format']
  readonly ownTimestamp?: string
}

export const TIME = 1_700_000_000_000

export function pipelineOf(shape: Shape): Pipeline {
  const fields: FieldDefinition[] = Object.entries(shape.fields).map(([name, type]) => ({
    name,
    type,
    path: pathOf(name),
  }))
  const day = 86_400_000
  return {
    name: 'test',
    source: {
      log: {
        kind: 'files',
        directory: '/nowhere',
        ...(shape.ownTimestamp !== undefined && { timestamp: shape.ownTimestamp.split('.') }),
      },
      format: shape.format ?? { kind: 'json' },
      key: [],
      fields,
    },
    event: {
      ...(shape.id !== undefined && { id: pathOf(shape.id) }),
      duplicatesWithinMs: day,
      time: { field: pathOf(shape.time ?? 'ts'), format: shape.timeFormat ?? { kind: 'ms' } },
    },
    time: {
      zone: 'UTC',
      outOfOrdernessMs: 0,
      allowedLatenessMs: day,
      maxFutureMs: day,
      idleAfterMs: day,
      notBeforeMs: Date.UTC(2000, 0, 1),
      tickHistorical: false,
    },
    views: [],
    sinks: {},
    rejects: { directory: '/nowhere', limit: 1 },
    commit: { intervalMs: 250, catchUpIntervalMs: 1000, recordsMax: 1000, bytesMax: 1_000_000 },
    memory: { tilesMax: 1, pendingEntitiesMax: 1, tableRowsMax: 1 },
    state: '/nowhere',
  }
}

export function pathOf(text: string): FieldPath {
  if (text === '$key') return { kind: 'key' }
  if (text === '$timestamp') return { kind: 'timestamp' }
  if (text.startsWith('$header.')) return { kind: 'header', name: text.slice('$header.'.length) }
  return { kind: 'value', segments: text.split('.') }
}

export interface TestRecord {
  readonly value: string | Uint8Array | null
  readonly key?: string | Uint8Array | null
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}

/** Records one after another in one buffer, key before value, with foreign bytes at both ends. */
export function batchOf(records: readonly TestRecord[], foreign = 'x'): RecordBatch {
  const pieces: Buffer[] = [Buffer.from(foreign)]
  let at = pieces[0]!.length
  const put = (part: string | Uint8Array | null): readonly [start: number, end: number] => {
    if (part === null) return [-1, -1]
    const bytes = Buffer.from(part as Uint8Array)
    pieces.push(bytes)
    at += bytes.length
    return [at - bytes.length, at]
  }
  const keys = []
  const values = []
  for (const { key = null, value } of records) {
    keys.push(put(key))
    values.push(put(value))
  }
  pieces.push(Buffer.from(foreign))
  return {
    count: records.length,
    bytes: Buffer.concat(pieces),
    offsets: Float64Array.from(records, (_, offset) => offset),
    timestamps: Float64Array.from(records, ({ timestamp = NaN }) => timestamp),
    keyStarts: Int32Array.from(keys, ([start]) => start),
    keyEnds: Int32Array.from(keys, ([, end]) => end),
    valueStarts: Int32Array.from(values, ([start]) => start),
    valueEnds: Int32Array.from(values, ([, end]) => end),
    headers: records.map(({ headers }) => headers),
    nextOffset: records.length,
  }
}

export function decodeOne(decoder: Decoder, record: TestRecord): EventBatch {
  return decoder.decode(batchOf([record]))
}

/** The one field of a pipeline, read from a JSON text that stands for its value. */
export function readJsonField(decoder: Decoder, json: string): Value | undefined {
  const batch = decodeOne(decoder, { value: `{"ts":${TIME},"f":${json}}` })
  if (batch.problems.size > 0) throw new Error([...batch.problems.values()].join())
  return batch.columns[0]![0]
}
