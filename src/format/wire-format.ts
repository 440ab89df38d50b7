/**
 * The prefix that serializers of a schema registry put before a value: a zero byte, and the id of the schema that the value
 * was written with (int32, big-endian).
 */
export const PREFIX_BYTES = 5

/** Undefined where the value does not begin with the prefix; ids are never negative. */
export function schemaIdAt(bytes: Buffer, start: number, end: number): number | undefined {
  if (end - start < PREFIX_BYTES || bytes[start] !== 0) return undefined
  const id = bytes.readInt32BE(start + 1)
  return id < 0 ? undefined : id
}

/** Where a text begins: none has a zero byte first. */
export function afterPrefix(bytes: Buffer, start: number, end: number): number {
  return bytes[start] === 0 && end - start > PREFIX_BYTES ? start + PREFIX_BYTES : start
}
