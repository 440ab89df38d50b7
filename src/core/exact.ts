/**
 * Exact integers in two float cells: `high * 2^53 + low`. The sum of a million safe integers may leave 2^53, a feature may
 * not be rounded, and a BigInt per record would cost more than the fold. While the total is a safe integer, `high` is 0
 * and an addition is one float addition and one compare.
 */
const BASE = 2n ** 53n

export function addExact(cells: Float64Array, at: number, value: number | bigint): void {
  if (typeof value === 'number') {
    const sum = (cells[at] ?? 0) + value
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= Number.MIN_SAFE_INTEGER) {
      cells[at] = sum
      return
    }
  }
  storeExact(cells, at, loadBig(cells, at) + BigInt(value))
}

export function mergeExact(
  into: Float64Array,
  at: number,
  from: Float64Array,
  fromAt: number,
): void {
  const high = from[fromAt + 1] ?? 0
  if (high === 0) addExact(into, at, from[fromAt] ?? 0)
  else storeExact(into, at, loadBig(into, at) + loadBig(from, fromAt))
}

/** The value: a number while it is a safe integer, else a bigint. */
export function loadExact(cells: Float64Array, at: number): number | bigint {
  if (cells[at + 1] === 0) return (cells[at] ?? 0) + 0
  return narrow(loadBig(cells, at))
}

export function loadBig(cells: Float64Array, at: number): bigint {
  return BigInt(cells[at + 1] ?? 0) * BASE + BigInt(cells[at] ?? 0)
}

/** Canonical: the same value always leaves the same cells. */
export function storeExact(cells: Float64Array, at: number, value: bigint): void {
  const safe = BigInt.asIntN(54, value) === value && Number.isSafeInteger(Number(value))
  const low = safe ? value : BigInt.asIntN(53, value)
  cells[at] = Number(low)
  cells[at + 1] = Number((value - low) / BASE)
}

// --- three cells: sums of squares of 64-bit integers ----------------------------------------------------------------

/** As `addExact`, for `high * 2^106 + middle * 2^53 + low`. */
export function addWide(cells: Float64Array, at: number, value: number | bigint): void {
  if (typeof value === 'number' && cells[at + 1] === 0 && cells[at + 2] === 0) {
    const sum = (cells[at] ?? 0) + value
    if (Number.isSafeInteger(sum)) {
      cells[at] = sum
      return
    }
  }
  storeWide(cells, at, loadWide(cells, at) + BigInt(value))
}

export function mergeWide(
  into: Float64Array,
  at: number,
  from: Float64Array,
  fromAt: number,
): void {
  const isSmall = from[fromAt + 1] === 0 && from[fromAt + 2] === 0
  addWide(into, at, isSmall ? (from[fromAt] ?? 0) : loadWide(from, fromAt))
}

export function loadWide(cells: Float64Array, at: number): bigint {
  return BigInt(cells[at + 2] ?? 0) * BASE * BASE + loadBig(cells, at)
}

function storeWide(cells: Float64Array, at: number, value: bigint): void {
  const rest = BigInt.asIntN(106, value)
  storeExact(cells, at, rest)
  cells[at + 2] = Number((value - rest) / (BASE * BASE))
}

export function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** 64-bit integers in two cells that compare as (high, low): `high * 2^32 + low`, 0 <= low < 2^32. */
export function splitInt64(value: number | bigint): readonly [high: number, low: number] {
  if (typeof value === 'number') {
    const high = Math.floor(value / 4_294_967_296)
    return [high, value - high * 4_294_967_296]
  }
  return [Number(value >> 32n), Number(value & 0xffffffffn)]
}

export function joinInt64(high: number, low: number): number | bigint {
  const value = high * 4_294_967_296 + low
  return Number.isSafeInteger(value) ? value : BigInt(high) * 4_294_967_296n + BigInt(low)
}
