/** Work on many things, a few at a time. */

/**
 * Results in the order of the items. After a failure no further item is begun; what is under way is waited for, so that
 * nothing goes on behind the caller's back.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  parallelMax: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const failures: unknown[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next
      next += 1
      try {
        results[index] = await work(items[index] as T)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallelMax, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
  return results
}
