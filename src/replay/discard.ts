/**
 * What replays leave behind and nobody needs any more: staging tables, states that were to be handed over, states that were kept for a
 * rollback. The plan and the audit trail stay for ever; so do states that owners may still come into the present generation with.
 */
import { inheritanceOf, readRecords } from '../engine/hand-over.ts'
import { replacedPlace, replayPlace } from '../engine/hand-over-port.ts'
import type { GenerationStore } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import type { AuditStamp } from './plan.ts'
import type { ReplayRecords } from './records.ts'
import { regroupedPlace } from './regrouped-states.ts'
import { allMade, isFinished } from './standing.ts'

export interface DiscardParts {
  readonly replays: ReplayRecords
  readonly generations: GenerationStore
  /** Where records and tables are. */
  readonly storage: ObjectStorage
}

export interface DiscardPreview {
  readonly files: number
  readonly bytes: number
  /** Generations that cannot be taken back afterwards. */
  readonly published: readonly number[]
  /** Places of states that stay: owners may still need them. */
  readonly kept: readonly string[]
}

/** @returns undefined where it was declined. @throws USAGE, REPLAY_REFUSED, TABLE_* */
export async function discardReplay(
  parts: DiscardParts,
  id: string,
  {
    stamp,
    confirm,
  }: {
    readonly stamp: AuditStamp
    readonly confirm?: (preview: DiscardPreview) => Promise<boolean>
  },
): Promise<DiscardPreview | undefined> {
  const replay = await parts.replays.get(id)
  const records = await readRecords(parts.generations)
  const made = allMade(records).filter((each) => each.replay === id)
  const unfinished = made.find((each) => !isFinished(replay, each))
  if (unfinished) {
    const command = unfinished.did === 'publish' ? 'publish' : 'rollback'
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${id}: its ${command} (generation ${unfinished.generation}) has not come to its end, and needs what it staged. Finish it: \`tidemark replay ${command} ${id}\``,
    )
  }
  const published = made.filter(({ did }) => did === 'publish').map(({ generation }) => generation)
  const { handedOver } = inheritanceOf(records)
  const regrouped = regroupedPlace(records)
  const needed = [
    ...(handedOver ? [handedOver.place, replacedPlace(handedOver.generation)] : []),
    ...(regrouped === undefined ? [] : [regrouped]),
  ]
  const places = [replayPlace(id), ...published.map(replacedPlace)]
  const folders = [
    `_tidemark/replays/${id}/`,
    ...places
      .filter((place) => !needed.includes(place))
      .map((place) => `_tidemark/states/${place}/`),
  ]
  const files = (await Promise.all(folders.map((folder) => parts.storage.list(folder)))).flat()
  const preview = {
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    published,
    kept: places.filter((place) => needed.includes(place)),
  }
  if (confirm && !(await confirm(preview))) return undefined
  // First the entry: half of it deleted, nobody may publish it.
  await parts.replays.audit(id, { ...stamp, did: 'discard', details: { ...preview } })
  for (const { path } of files) await parts.storage.delete(path)
  return preview
}
