/**
 * Hash slots of a Redis Cluster: CRC-16/XMODEM of the key, or of what stands in its first `{...}`, modulo 16384; and for
 * each slot a short tag that hashes to it, the same in every process.
 */
export const SLOTS = 16_384

const POLYNOMIAL = 0x1021
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1
  return crc & 0xffff
})

export function slotOfKey(key: string): number {
  return crc16(hashTag(key) ?? key) % SLOTS
}

/** What the cluster hashes instead of the whole key, where the key has it. */
export function hashTag(key: string): string | undefined {
  const open = key.indexOf('{')
  const close = key.indexOf('}', open + 1)
  return open < 0 || close <= open + 1 ? undefined : key.slice(open + 1, close)
}

const tags = new Map<number, string>()

/** The first number, in base 36, that hashes to the slot: 16,384 attempts on average, once per slot and process. */
export function tagOfSlot(slot: number): string {
  const known = tags.get(slot)
  if (known !== undefined) return known
  for (let n = 0; ; n += 1) {
    const tag = n.toString(36)
    if (crc16(tag) % SLOTS !== slot) continue
    tags.set(slot, tag)
    return tag
  }
}

function crc16(text: string): number {
  const bytes = Buffer.from(text, 'utf8')
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0)
  return crc
}
