declare module 'snappyjs' {
  /** Throws where the result would be longer than `lengthMax` bytes, or the bytes are not Snappy's. */
  export function uncompress(compressed: Uint8Array, lengthMax?: number): Uint8Array
  export function compress(bytes: Uint8Array): Uint8Array
}
