/**
 * Archives as Avro container files: each row of the writer's schema becomes the record that it was in the log. Where the schema has the
 * value's fields, these become JSON of the same values, exact; timestamps become ms.
 */
import { createReadStream } from 'node:fs'
import { inflateRaw } from 'node:zlib'
import avro from 'avsc'
import type { types } from 'avsc'
import { SpanTally } from '../core/offset-span.ts'
import type {
  ArchiveColumns,
  ArchivedRecord,
  ArchiveFileFacts,
  ArchiveFileName,
  ArchiveFormat,
} from '../engine/archive-port.ts'
import { TidemarkError } from '../errors.ts'
import type { AvroRow } from './avro-row.ts'
import { AvroRows } from './avro-row.ts'
import { avroType } from './avro-types.ts'

/** By their names in the files' headers; `null` and `deflate` are known. */
export type AvroCodecs = Readonly<Record<string, (bytes: Buffer) => Buffer>>

const PIECE_RECORDS = 2_000

export function createAvroFiles(codecs: AvroCodecs): ArchiveFormat {
  return {
    examine: (file, columns) => examine(file, columns, codecs),
    records: (file, wish) => records(file, wish, codecs),
  }
}

async function examine(
  file: ArchiveFileName,
  columns: ArchiveColumns,
  codecs: AvroCodecs,
): Promise<ArchiveFileFacts> {
  const tally = new SpanTally()
  const { type, data } = await openFile(file, codecs)
  const rows = new AvroRows(type, columns, file)
  for await (const datum of data) {
    const { partition, offset } = rows.positionOf(datum)
    tally.add(partition, offset)
  }
  const { hasPositions, layout, instants, lacks } = rows
  return { hasPositions, layout, instants, lacks, spans: tally.spans }
}

async function* records(
  file: ArchiveFileName,
  { columns, partition, from }: Parameters<ArchiveFormat['records']>[1],
  codecs: AvroCodecs,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const { type, data } = await openFile(file, codecs)
  const rows = new AvroRows(type, columns, file)
  let piece: ArchivedRecord[] = []
  for await (const datum of data) {
    const at = rows.positionOf(datum)
    if (at.partition !== partition || at.offset < from) continue
    piece.push(rows.record(datum, at.offset))
    if (piece.length < PIECE_RECORDS) continue
    yield piece
    piece = []
  }
  yield piece
}

/** @throws SOURCE_UNREADABLE, also while `data` is read */
async function openFile(
  file: ArchiveFileName,
  codecs: AvroCodecs,
): Promise<{ readonly type: types.RecordType; readonly data: AsyncGenerator<AvroRow> }> {
  const stream = createReadStream(file.path)
  const decoder = new avro.streams.BlockDecoder({
    codecs: { ...named({ null: (bytes) => bytes, ...codecs }), deflate: inflateRaw },
    parseHook: (schema: unknown) => avroType(schema),
  })
  stream.on('error', (error) => decoder.destroy(error))
  decoder.on('close', () => stream.destroy())
  const header = new Promise<types.RecordType>((resolve, reject) => {
    decoder.once('metadata', (type: types.RecordType) => resolve(type))
    decoder.once('error', reject)
    decoder.once('finish', () => reject(new Error('it ends within its header')))
  })
  // Handled here and where the data are read.
  decoder.on('error', () => undefined)
  stream.pipe(decoder)
  try {
    const type = await header
    if (!(type instanceof avro.types.RecordType)) throw new Error('its rows are no records')
    return { type, data: dataOf(file, decoder) }
  } catch (cause) {
    decoder.destroy()
    throw unreadable(file, (cause as Error).message, cause)
  }
}

async function* dataOf(
  file: ArchiveFileName,
  decoder: AsyncIterable<unknown>,
): AsyncGenerator<AvroRow> {
  try {
    for await (const datum of decoder) yield datum as AvroRow
  } catch (cause) {
    throw unreadable(file, (cause as Error).message, cause)
  }
}

function named(codecs: AvroCodecs): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(codecs).map(([name, decompress]) => [
      name,
      (bytes: Buffer, done: (error: Error | null, plain?: Buffer) => void) => {
        let plain
        try {
          plain = decompress(bytes)
        } catch (error) {
          done(error as Error)
          return
        }
        done(null, plain)
      },
    ]),
  )
}

function unreadable({ name }: ArchiveFileName, what: string, cause: unknown): TidemarkError {
  return cause instanceof TidemarkError
    ? cause
    : new TidemarkError(
        'SOURCE_UNREADABLE',
        `${name}: not to be read as an Avro container file: ${what}. Restore it from a copy`,
        { cause },
      )
}
