/**
 * Text out of the middle of a buffer. These methods of Node's buffers lie below `toString`, whose look at its arguments
 * costs as much as a short text itself (measured: a tenth of decoding).
 */

interface SliceableBuffer extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** Each byte as the character of its number: right for ASCII. */
export function latin1Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as SliceableBuffer).latin1Slice(start, end)
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function utf8Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as SliceableBuffer).utf8Slice(start, end)
}
