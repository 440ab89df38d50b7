/** Which slots of the tables a replay speaks for: those of the staged days that it closed itself, per partition. */
import type { DayIndex } from '../core/day.ts'
import type { Replay } from './records.ts'

export interface Place {
  readonly day: DayIndex
  readonly partition: number
}

/** What is published, and compared; everything else in the tables stays as it is. */
export function stagedPlaces({
  plan,
  result,
}: Pick<Replay, 'plan' | 'result'>): (place: Place) => boolean {
  const closed = new Map(
    result?.partitions.map(({ partition, closedDay }) => [partition, closedDay]),
  )
  return ({ day, partition }) =>
    day >= plan.staged.first &&
    day <= plan.staged.last &&
    day <= (closed.get(partition) ?? -Infinity)
}
