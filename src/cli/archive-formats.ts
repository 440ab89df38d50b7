/** The formats that archives come in, by the names of their files. */
import { createAvroFiles } from '../format/avro-file.ts'
import { jsonLines } from '../archive/json-lines.ts'
import type { DuckDb } from '../duckdb/database.ts'
import { createParquetArchive } from '../duckdb/parquet-archive.ts'
import type { ArchiveFormat } from '../engine/archive-port.ts'
import { Codec, DECOMPRESSED_BYTES_MAX, decompress, loadCodecs } from '../kafka/codecs.ts'

/** Avro's snappy blocks end in a checksum of four bytes. */
const AVRO_SNAPPY_TAIL = 4

const JSON_NAME = /\.(jsonl|ndjson|json)(\.gz)?$/i

/** @param database reads the files that are Parquet */
export async function archiveFormats(
  database: DuckDb,
): Promise<(path: string) => ArchiveFormat | undefined> {
  await loadCodecs()
  const avro = createAvroFiles({
    snappy: (bytes) =>
      decompress(Codec.SNAPPY, bytes.subarray(0, -AVRO_SNAPPY_TAIL), DECOMPRESSED_BYTES_MAX),
    zstandard: (bytes) => decompress(Codec.ZSTD, bytes, DECOMPRESSED_BYTES_MAX),
  })
  const parquet = createParquetArchive(database)
  return (path) => {
    if (JSON_NAME.test(path)) return jsonLines
    if (/\.avro$/i.test(path)) return avro
    return /\.parquet$/i.test(path) ? parquet : undefined
  }
}
