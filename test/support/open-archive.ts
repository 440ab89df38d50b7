/** An archive in a directory as a log, the way the command line opens one. */
import { Archive } from '../../src/archive/archive.ts'
import type { WantedOffsets } from '../../src/archive/needed-files.ts'
import { archiveDecoder } from '../../src/archive/archive-decoder.ts'
import { ArchiveSource } from '../../src/archive/archive-source.ts'
import { archiveColumns, eventTimeColumn, pipelineOf } from '../../src/archive/pipeline-of.ts'
import type { ColumnNames } from '../../src/archive/pipeline-of.ts'
import { archiveFormats } from '../../src/cli/archive-formats.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import type { DuckDb } from '../../src/duckdb/database.ts'
import type { ArchiveSelection } from '../../src/engine/archive-port.ts'
import type { Decoder, RecordSource } from '../../src/engine/ports.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import type { WatchedStorage } from './archive-files.ts'

export interface TestArchive {
  readonly storage: WatchedStorage
  readonly pipeline: Pipeline
  readonly database: DuckDb
  readonly names?: ColumnNames
}

export async function openTestArchive({
  storage,
  pipeline,
  database,
  names = {},
}: TestArchive): Promise<Archive> {
  return Archive.open({
    storage,
    formatOf: await archiveFormats(database),
    columns: archiveColumns(pipeline, names),
    names,
    eventTime: eventTimeColumn(pipeline, names),
  })
}

export async function archiveSource(
  { storage, pipeline, database, names = {} }: TestArchive,
  selection: ArchiveSelection,
  at: { readonly partitions: number; readonly log?: RecordSource },
): Promise<{
  readonly source: ArchiveSource
  readonly decoder: Decoder
  readonly pipeline: Pipeline
}> {
  const source = new ArchiveSource({
    storage,
    selection,
    columns: archiveColumns(pipeline, names),
    formatOf: await archiveFormats(database),
    topic: 'kept',
    partitions: at.partitions,
    logIdentity: undefined,
    log: at.log,
  })
  const byArchive = pipelineOf(pipeline, selection)
  const decoder = archiveDecoder((batch) => source.isArchived(batch), {
    own: createDecoder(pipeline),
    archived: createDecoder(byArchive),
  })
  return { source, decoder, pipeline: byArchive }
}

export function everything(partitions: number): WantedOffsets[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    partition,
    from: 0,
    to: undefined,
  }))
}
