/** Seeded chance: the same numbers on every machine, so that every run of a benchmark reads the same bytes. */

export interface Random {
  /** [0, 1) with 32 random bits. */
  next(): number
  /** 0 .. bound-1 */
  below(bound: number): number
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return { next, below: (bound) => Math.floor(next() * bound) }
}

/**
 * Draws 0 .. count-1, the k-th with a chance proportional to 1/(k+1): Zipf's law with exponent 1. By an alias table
 * (Walker, Vose), so that a draw costs the same whatever the count.
 */
export function createZipf(count: number, random: Random): () => number {
  const keep = new Float64Array(count)
  const alias = new Int32Array(count)
  let harmonic = 0
  for (let k = 1; k <= count; k += 1) harmonic += 1 / k
  const small: number[] = []
  const large: number[] = []
  for (let k = 0; k < count; k += 1) {
    keep[k] = count / (harmonic * (k + 1))
    if ((keep[k] ?? 0) < 1) small.push(k)
    else large.push(k)
  }
  for (;;) {
    const [low, high] = [small.pop(), large.at(-1)]
    if (low === undefined || high === undefined) {
      // What rounding has left over is near 1.
      for (const k of [low, ...small, ...large]) if (k !== undefined) keep[k] = 1
      break
    }
    alias[low] = high
    keep[high] = (keep[high] ?? 0) - (1 - (keep[low] ?? 0))
    if ((keep[high] ?? 0) < 1) {
      large.pop()
      small.push(high)
    }
  }
  return () => {
    const k = random.below(count)
    return random.next() < (keep[k] ?? 1) ? k : (alias[k] ?? k)
  }
}
