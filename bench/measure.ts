/** What a piece of work costs this process: time on the clock, CPU of all its threads, memory at its highest. */
import process from 'node:process'

export interface Measured {
  /** What was counted: events, rows. */
  readonly count: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** Of the whole process so far, so a case is measured in a process of its own. */
  readonly peakRssMiB: number
  /** Other figures worth a look. */
  readonly notes: Readonly<Record<string, number>>
}

export interface Counted {
  readonly count: number
  readonly notes?: Readonly<Record<string, number>>
}

export async function measure(work: () => Counted | Promise<Counted>): Promise<Measured> {
  const [startMs, cpu] = [performance.now(), process.cpuUsage()]
  const { count, notes = {} } = await work()
  const { user, system } = process.cpuUsage(cpu)
  return {
    count,
    seconds: (performance.now() - startMs) / 1_000,
    cpuSeconds: (user + system) / 1_000_000,
    peakRssMiB: process.resourceUsage().maxRSS / 1_024,
    notes,
  }
}
