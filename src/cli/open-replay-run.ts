/** What a replay's run is made of: the log of the pipeline, and states, tables and rejects of its own, which nobody else knows. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import type { Pipeline } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { readRecords } from '../engine/hand-over.ts'
import type { RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { restoreState } from '../leveldb/restore.ts'
import { FileRejectSink } from '../rejects/file-reject-sink.ts'
import type { PartitionKnowledge } from '../replay/knowledge.ts'
import { regroupedBy } from '../replay/plan.ts'
import type { ReplayPlan } from '../replay/plan.ts'
import { regroupedTiles } from '../replay/regrouped-tiles.ts'
import type { OldParts, ReplayParts } from '../replay/run-parts.ts'
import { AmendedFiles } from '../storage/amended-records.ts'
import {
  newRunId,
  openDecoder,
  openRejects,
  openSource,
  openState,
  peekState,
  stateDirectory,
  topicOf,
} from './compose.ts'
import type { OpenedParts, Surroundings } from './compose.ts'
import { openArchive } from './open-archive.ts'
import type { OpenArchive } from './open-archive.ts'
import { liveCopy, stateUpTo } from './live-copy.ts'
import type { OpenReplays } from './open-replays.ts'
import { gatherKnowledge } from './replay-knowledge.ts'
import { openTileTables } from './replay-tiles.ts'
import { stagedTables } from './staged-tables.ts'

/** Where a replay keeps its states and its rejects until it is run again. */
export function replayDirectory({ state }: Pipeline, id: string): string {
  return path.join(state, 'replays', id)
}

/** @throws REPLAY_REFUSED where the plan is of an earlier generation; SOURCE_* */
export async function openReplayRun(
  replays: OpenReplays,
  plan: ReplayPlan,
  opened: OpenedParts,
  surroundings: Surroundings,
): Promise<ReplayParts> {
  const { pipeline, storage, database, tables } = replays
  const { clock, log } = surroundings
  const records = await readRecords(replays.generations)
  checkBase(plan, records)
  const directory = replayDirectory(pipeline, plan.id)
  mkdirSync(directory, { recursive: true })
  const own: Pipeline = { ...pipeline, state: directory }
  const pipelineLog = opened.add(openSource(pipeline, surroundings))
  const { source, decoder } = await openReplaySource(replays, plan, {
    ...surroundings,
    opened,
    source: pipelineLog,
  })
  const staging = replays.staged(plan.id)
  const know = knowledge(replays, source, records)
  return {
    plan,
    pipeline,
    source,
    decoder,
    amended: new AmendedFiles(storage),
    states: statesOf(own),
    ...(regroupedBy(plan) && {
      old: openOld(replays, { directory, records, surroundings, opened }),
    }),
    checkpoints: replays.checkpoints?.store,
    handOvers: replays.handOvers,
    tables: staging,
    tiles: regroupedTiles(openTileTables(tables, database), records),
    live: (partition) => liveCopy(replays, plan.base, partition),
    milestones: async (partition) => (await know())[partition]?.state?.milestones,
    records,
    staged: () => stagedTables(staging, database, tableNames(plan)),
    rejects: opened.add(new FileRejectSink(path.join(directory, 'rejects'), topicOf(pipeline))),
    clock,
    log,
    run: newRunId(clock.wallMs()),
    zoneData: process.versions['tz'] ?? 'unknown',
  }
}

/** In the directory of `own.state`. */
function statesOf(own: Pipeline): ReplayParts['states'] {
  return {
    openState: (partition) => openState(own, partition),
    peekState: (partition) => peekState(own, partition),
    restoreState: async (partition, files) => {
      const place = stateDirectory(own, partition)
      await restoreState({ directory: place, files, pipeline: own.name, partition })
    },
  }
}

/** Old partitions, where some were added. */
function openOld(
  replays: OpenReplays,
  parts: {
    readonly directory: string
    readonly records: readonly GenerationRecord[]
    readonly surroundings: Surroundings
    readonly opened: OpenedParts
  },
): OldParts {
  const { pipeline } = replays
  const { directory, records, surroundings, opened } = parts
  return {
    states: statesOf({ ...pipeline, state: path.join(directory, 'old') }),
    rejects: opened.add(openRejects(pipeline, surroundings)),
    stateUpTo: (partition, offset) => stateUpTo(replays, records, { partition, offset }),
  }
}

/** Where the plan's records are read from, and what decodes them. */
async function openReplaySource(
  { pipeline, database }: OpenReplays,
  plan: ReplayPlan,
  surroundings: Surroundings & { readonly opened: OpenedParts; readonly source: RecordSource },
): Promise<OpenArchive> {
  const { source } = plan
  if (source.kind === 'log')
    return { source: surroundings.source, decoder: openDecoder(pipeline, surroundings) }
  return openArchive(pipeline, { ...plan, source }, { ...surroundings, database })
}

/** What was published since is not in the plan. */
function checkBase({ id, base }: ReplayPlan, records: readonly GenerationRecord[]): void {
  const newest = records.at(-1)?.generation
  if (newest === undefined || newest === base) return
  throw new TidemarkError(
    'REPLAY_REFUSED',
    `replay ${id} was planned for what follows generation ${base}, and generation ${newest} was published since. Nothing was read. Plan it again: \`tidemark replay plan\``,
  )
}

/** Gathered when it is asked for, once: of the past it takes what states know, and nothing of the log. */
function knowledge(
  { pipeline, handOvers, checkpoints }: OpenReplays,
  source: RecordSource,
  records: readonly GenerationRecord[],
): () => Promise<readonly PartitionKnowledge[]> {
  let gathered: Promise<readonly PartitionKnowledge[]> | undefined
  const gather = async (): Promise<readonly PartitionKnowledge[]> => {
    const { partitions } = await source.topology()
    const nothing = { start: 0, end: 0, unit: 'records', recordBytes: 0 } as const
    return gatherKnowledge({
      pipeline,
      records,
      logs: Array.from({ length: partitions }, () => nothing),
      checkpoints: checkpoints?.store,
      handOvers,
      tiles: new Map(),
    })
  }
  return () => (gathered ??= gather())
}

function tableNames({ views }: ReplayPlan): string[] {
  return views.flatMap((title) => {
    const name = title.replace('@', '_v')
    return [name, `${name}__tiles`]
  })
}
