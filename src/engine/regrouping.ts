/**
 * Whose business an entity is, once partitions were added: its values of before lie under the partition that it lived in then, and are
 * told anew, or emptied, by the one that it lives in now.
 */
import { homesOf } from '../core/home.ts'
import type { HomeOf } from '../core/home.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { RegroupedSince } from './hand-over.ts'
import type { OnlineValue } from './ports.ts'

export interface Regrouping {
  /** Values of an earlier one are those of the old partitions. */
  readonly generation: number
  /** By view. */
  readonly homes: readonly HomeOf[]
  /** Stands for the offsets of all records of before: the one before the partition's first. */
  readonly offset: number
}

export function regroupingOf(
  since: RegroupedSince | undefined,
  views: readonly ViewPlan[],
  origin: number,
): Regrouping | undefined {
  if (since === undefined) return undefined
  const { generation, partitioner, partitions } = since
  const homes = views.map((view) => homesOf(view, partitioner, partitions))
  return { generation, homes, offset: origin - 1 }
}

/** Values of a view that may be a partition's business: the question that a walk through the store asks. */
export function mayOwn(
  regrouping: Regrouping | undefined,
  view: number,
  partition: number,
): (entity: string, holder: number) => boolean {
  const home = regrouping?.homes[view]
  return (entity, holder) => holder === partition || home?.(entity) === partition
}

/** Whether a value of the online store is a partition's business. */
export function owns(
  regrouping: Regrouping | undefined,
  view: number,
  partition: number,
): (value: Pick<OnlineValue, 'entity' | 'partition' | 'version'>) => boolean {
  const home = regrouping?.homes[view]
  return ({ entity, partition: holder, version }) =>
    isOlder(regrouping, version) && home ? home(entity) === partition : holder === partition
}

/** Told before entities were regrouped. */
export function isOlder(
  regrouping: Regrouping | undefined,
  { generation }: Pick<OnlineValue['version'], 'generation'>,
): boolean {
  return regrouping !== undefined && generation < regrouping.generation
}
