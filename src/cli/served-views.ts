/**
 * Which version of a view a reader means, and since when its columns hold: what the records of the generations say. A version that
 * the pipeline file has and no record yet is being prepared; `latest` passes over it until it is published, and on from there at once.
 */
import type { Pipeline } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { formatDay } from '../core/day.ts'
import { planViews } from '../core/view-plan.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { readRecords } from '../engine/hand-over.ts'
import type { OnlineStore } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { DirectoryStorage } from '../storage/directory-storage.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { TABLE_FAULTS } from '../table/failure.ts'
import { OpenedParts } from './compose.ts'
import type { Surroundings } from './compose.ts'
import { openCheckpoints } from './open-checkpoints.ts'
import { openStorage } from './open-storage.ts'
import { findVersions } from './view-argument.ts'

const LATEST = '@latest'

/** What the records say, asked for only where it matters: it may be in an object store. */
export type Records = () => Promise<readonly GenerationRecord[]>

/** Ascending by generation; none before the first run. */
export function recordsIn(storage: ObjectStorage): Records {
  return () => readRecords(new GenerationRecords(storage))
}

/** The same, wherever the pipeline keeps them. */
export function pipelineRecords(pipeline: Pipeline, surroundings: Surroundings): Records {
  return async () => {
    const { offline } = pipeline.sinks
    await using opened = new OpenedParts()
    if (offline) {
      return await recordsIn(
        opened.add(await openStorage(pipeline, offline.location, TABLE_FAULTS)),
      )()
    }
    const kept = await openCheckpoints(pipeline, surroundings)
    if (kept) return await recordsIn(opened.add(kept).storage)()
    return await recordsIn(new DirectoryStorage(pipeline.state, TABLE_FAULTS))()
  }
}

/**
 * `name`, `name@version` or `name@latest`; a name without a version is its latest one.
 * @param served the generation whose values readers see; the newest where it is not given
 * @throws USAGE
 */
export async function findServedView(
  pipeline: Pipeline,
  typed: string,
  records: Records,
  served: (record: GenerationRecord) => Promise<number | undefined> = () =>
    Promise.resolve(undefined),
): Promise<ViewPlan> {
  const wantsLatest = typed.endsWith(LATEST)
  const versions = findVersions(pipeline, wantsLatest ? typed.slice(0, -LATEST.length) : typed)
  const [only] = versions
  if (only !== undefined && versions.length === 1 && !wantsLatest) return only
  const all = await records()
  const newest = all.at(-1)
  if (newest === undefined) return latestOf(versions)
  const generation = (await served(newest)) ?? newest.generation
  const record = all.findLast((each) => each.generation <= generation) ?? newest
  const inRecord = versions.filter((view) => recorded(record, view) !== undefined)
  if (inRecord.length > 0) return latestOf(inRecord)
  const titles = versions.map(({ title }) => title).join(', ')
  throw new TidemarkError(
    'USAGE',
    `${titles}: not in generation ${record.generation} yet, which is the one that is served. Publish the replay that brings it in, or name a version that is served`,
  )
}

function latestOf(versions: readonly ViewPlan[]): ViewPlan {
  return versions.reduce((a, b) => (b.definition.version > a.definition.version ? b : a))
}

function recorded(
  { views }: GenerationRecord,
  { definition }: ViewPlan,
): GenerationRecord['views'][number] | undefined {
  return views.find(
    ({ name, version }) => name === definition.name && version === definition.version,
  )
}

/** The lowest generation that the store has told all values of: what a reader of any entity finds. */
export async function servedOnline(
  store: Pick<OnlineStore, 'marker'>,
  { segments }: GenerationRecord,
): Promise<number | undefined> {
  const markers = await Promise.all(segments.map(({ partition }) => store.marker(partition)))
  const told = markers.flatMap((marker) => (marker === undefined ? [] : [marker.generation]))
  return told.length === 0 ? undefined : Math.min(...told)
}

/** First days of columns that were added later and hold nothing before them. */
export async function coverageOf(
  pipeline: Pipeline,
  view: ViewPlan,
  records: Records,
): Promise<ReadonlyMap<string, string>> {
  const newest = (await records()).at(-1)
  const [planned] = planViews({ ...pipeline, views: [view.definition] }, () =>
    newest === undefined ? undefined : recorded(newest, view),
  )
  const added = (planned ?? view).features.filter(({ since }) => since !== -Infinity)
  return new Map(added.map(({ name, since }) => [name, formatDay(since)]))
}
