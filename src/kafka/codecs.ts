/**
 * What producers compress record batches with, by Kafka's number in the batch's attributes.
 *
 * No result may be longer than `DECOMPRESSED_BYTES_MAX`: a batch of a few bytes can claim to be gigabytes, and memory is
 * reserved from what it claims. Whatever is wrong with the bytes, a plain Error says so; the caller knows the position.
 */
import { gunzipSync } from 'node:zlib'
import { decompressLz4 } from './lz4.ts'
import { decompressSnappy } from './snappy.ts'
import { decompressZstd, loadZstd } from './zstd.ts'

/** Of one batch. The largest a broker accepts by default is 1 MiB compressed. */
export const DECOMPRESSED_BYTES_MAX = 512 * 1024 * 1024

export const Codec = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const

/** To be awaited once before the first `decompress`; later calls wait for the same loading. */
export function loadCodecs(): Promise<void> {
  return loadZstd()
}

/** @throws Error that says what is wrong with the bytes, or that the codec is not known */
export function decompress(
  codec: number,
  bytes: Buffer,
  bytesMax = DECOMPRESSED_BYTES_MAX,
): Buffer {
  switch (codec) {
    case Codec.NONE:
      return bytes
    case Codec.GZIP:
      return gunzipSync(bytes, { maxOutputLength: bytesMax })
    case Codec.SNAPPY:
      return decompressSnappy(bytes, bytesMax)
    case Codec.LZ4:
      return decompressLz4(bytes, bytesMax)
    case Codec.ZSTD:
      return decompressZstd(bytes, bytesMax)
    default:
      throw new Error(`codec ${codec} is none of gzip (1), snappy (2), lz4 (3) and zstd (4)`)
  }
}

export function codecName(codec: number): string {
  const known = Object.entries(Codec).find(([, number]) => number === codec)
  return known === undefined ? `codec ${codec}` : known[0].toLowerCase()
}
