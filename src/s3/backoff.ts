/** How long to wait before trying again what the SDK does not repeat: longer each time, and never two in step. */

const FIRST_MS = 40
const MAX_MS = 1000

/** After the first attempt `attempt` is 1. */
export function backoffMs(attempt: number): number {
  return Math.min(MAX_MS, FIRST_MS * 2 ** attempt) * (0.5 + Math.random() / 2)
}
