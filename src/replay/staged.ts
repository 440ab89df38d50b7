/** Which slots of the tables a replay speaks for: those of the staged days that it closed itself, per partition. */
import type { DayIndex } from '../core/day.ts'
import type { DayRange, ReplayPlan } from './plan.ts'
import type { Replay } from './records.ts'

export interface Place {
  readonly day: DayIndex
  readonly partition: number
}

/** Days of which a partition stages rows. */
export function stagedDays(
  { staged, partitions }: Pick<ReplayPlan, 'staged' | 'partitions'>,
  partition: number,
): DayRange {
  const own = partitions.find((each) => each.partition === partition)
  return { first: own?.stagedFirst ?? staged.first, last: staged.last }
}

/** What is published, and compared; everything else in the tables stays as it is. */
export function stagedPlaces({
  plan,
  result,
}: Pick<Replay, 'plan' | 'result'>): (place: Place) => boolean {
  const closed = new Map(
    result?.partitions.map(({ partition, closedDay }) => [partition, closedDay]),
  )
  const days = new Map(
    plan.partitions.map(({ partition }) => [partition, stagedDays(plan, partition)]),
  )
  return ({ day, partition }) => {
    const { first, last } = days.get(partition) ?? plan.staged
    return day >= first && day <= last && day <= (closed.get(partition) ?? -Infinity)
  }
}
