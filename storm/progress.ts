/** Where the members stand, by their metrics: what the watchdog goes by. */
import type { Member } from './member.ts'

/** Of a partition, by the member that has it open. */
export interface Standing {
  readonly member: string
  readonly partition: number
  readonly nextOffset: number
  readonly toldOffset: number
  readonly lag: number
  /** Nothing waits for the online store, or for the tables. */
  readonly isTold: boolean
  readonly isWritten: boolean
  /** Sinks that cannot be reached. */
  readonly isFailing: boolean
}

export async function standings(members: readonly Member[]): Promise<Standing[]> {
  const pages = await Promise.all(
    members
      .filter(({ answers }) => answers)
      .map(async (member) => {
        const page = await member.metrics().catch(() => '')
        return readPage(member.name, page)
      }),
  )
  return pages.flat()
}

function readPage(member: string, page: string): Standing[] {
  const partitions = new Map<number, Map<string, number>>()
  for (const line of page.split('\n')) {
    const found = /^tidemark_(\w+)\{([^}]*)\} (\S+)$/.exec(line)
    const partition = /\bpartition="(\d+)"/.exec(found?.[2] ?? '')?.[1]
    if (found === null || partition === undefined) continue
    const [, name = '', labels = '', value] = found
    const values = partitions.get(Number(partition)) ?? new Map<string, number>()
    partitions.set(Number(partition), values)
    const phase = /\bphase="([^"]*)"/.exec(labels)?.[1]
    values.set(phase === undefined ? name : `${name} ${phase}`, Number(value))
  }
  return [...partitions].flatMap(([partition, values]) => {
    const of = (name: string): number => values.get(name) ?? NaN
    if (of('partition_phase stopped') === 1) return []
    return [
      {
        member,
        partition,
        nextOffset: of('next_offset'),
        toldOffset: of('online_position_offset'),
        lag: of('lag_offsets'),
        isTold:
          of('online_backlog_values') === 0 &&
          of('online_scan_remaining_slots') === 0 &&
          of('online_as_of_day_end_timestamp_seconds') >
            (values.get('closed_day_end_timestamp_seconds') ?? -Infinity),
        isWritten: of('table_dirty_slots') === 0 && of('table_waiting_closes') === 0,
        isFailing: of('online_failing') !== 0 || of('table_failing') !== 0,
      },
    ]
  })
}

/** Partitions that nobody has brought so far. @returns a line each */
export function laggards(found: readonly Standing[], ends: readonly number[]): string[] {
  return ends.flatMap((end, partition) => {
    const of = found.filter((one) => one.partition === partition)
    const isThere = of.some(
      ({ nextOffset, toldOffset, isFailing }) =>
        nextOffset >= end && toldOffset >= end && !isFailing,
    )
    return isThere ? [] : [`[${partition}] is not at ${end}: ${JSON.stringify(of)}`]
  })
}

/** Partitions with something left to do. @returns a line each */
export function unfinished(found: readonly Standing[], ends: readonly number[]): string[] {
  return ends.flatMap((end, partition) => {
    const of = found.filter((one) => one.partition === partition)
    const isDone = of.some(
      (one) =>
        one.nextOffset >= end &&
        one.toldOffset >= end &&
        one.lag === 0 &&
        one.isTold &&
        one.isWritten &&
        !one.isFailing,
    )
    return isDone ? [] : [`[${partition}] is not done to ${end}: ${JSON.stringify(of)}`]
  })
}
