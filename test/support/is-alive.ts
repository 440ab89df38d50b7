import process from 'node:process'

/** Whether there is a process of this id, and it is ours. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
