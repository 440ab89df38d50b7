declare module 'lz4js' {
  /** Decodes `source[start, start + length)` into `target` from `at` on; returns where it ended, even beyond `target`. */
  export function decompressBlock(
    source: Uint8Array,
    target: Uint8Array,
    start: number,
    length: number,
    at: number,
  ): number
  export function compress(bytes: Uint8Array): Uint8Array
}
