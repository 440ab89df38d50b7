/**
 * Is this table ours to write, and of our generation? Everything Tidemark keeps in a table's metadata has its name here.
 */
import type { TableSpec } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { MetaData, Protocol } from './delta/actions.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { PARTITION_COLUMN, schemaString } from './schema.ts'

export const SETTING = {
  /** The pipeline that writes the table; marks it as Tidemark's. */
  pipeline: 'tidemark.pipeline',
  generation: 'tidemark.generation',
  /** Columns that files are sorted by, JSON. */
  sortedBy: 'tidemark.sortedBy',
  /** Ms: files staged before it and never committed may be gone. */
  vacuumCutoff: 'tidemark.vacuumCutoff',
} as const

/** Any reader of Delta tables understands it. */
export const PROTOCOL: Protocol = { minReaderVersion: 1, minWriterVersion: 2 }

export function newMetaData(spec: TableSpec, id: string, nowMs: number): MetaData {
  return {
    id,
    name: spec.name,
    format: { provider: 'parquet', options: {} },
    schemaString: schemaString(spec.columns),
    partitionColumns: [PARTITION_COLUMN],
    configuration: {
      [SETTING.pipeline]: pipelineOf(spec),
      [SETTING.generation]: String(spec.generation),
      [SETTING.sortedBy]: JSON.stringify(spec.sortedBy),
    },
    createdTime: nowMs,
  }
}

export function withSetting(metaData: MetaData, name: string, value: string): MetaData {
  return { ...metaData, configuration: { ...metaData.configuration, [name]: value } }
}

/** @throws TABLE_REFUSED where another program, another pipeline or a newer protocol owns the table */
export function checkOwned(
  table: string,
  snapshot: Snapshot,
  spec?: Pick<TableSpec, 'metadata'>,
): void {
  const problem = foreignFeature(snapshot) ?? foreignOwner(snapshot, spec)
  if (problem === undefined) return
  throw new TidemarkError(
    'TABLE_REFUSED',
    `table ${table}, version ${snapshot.version}: ${problem}. Tidemark leaves it alone: choose another location ` +
      `(sinks.offline), or move that table away.`,
  )
}

/** @throws GENERATION_CHANGED */
export function checkGeneration(table: string, snapshot: Snapshot, own: number): void {
  const generation = tableGeneration(snapshot)
  if (generation === own) return
  throw new TidemarkError(
    'GENERATION_CHANGED',
    `table ${table}, version ${snapshot.version}: it is at generation ${generation}, this writer at ${own}. ` +
      (generation > own
        ? 'A newer generation was published: nothing was written; start again to take it over.'
        : 'The older generation still owns the table: publish this one first.'),
    { details: { table, newestGeneration: generation, ownGeneration: own } },
  )
}

export function tableGeneration(snapshot: Snapshot): number {
  return Number(snapshot.setting(SETTING.generation))
}

export function vacuumCutoff(snapshot: Snapshot): number {
  return Number(snapshot.setting(SETTING.vacuumCutoff) ?? 0)
}

export function sortedBy(snapshot: Snapshot): string[] {
  return JSON.parse(snapshot.setting(SETTING.sortedBy) ?? '[]') as string[]
}

function pipelineOf(spec: Pick<TableSpec, 'metadata'>): string {
  return spec.metadata['pipeline'] ?? 'tidemark'
}

function foreignFeature(snapshot: Snapshot): string | undefined {
  const { minReaderVersion, minWriterVersion, readerFeatures, writerFeatures } = snapshot.protocol
  if (
    minReaderVersion > 1 ||
    minWriterVersion > 2 ||
    readerFeatures?.length ||
    writerFeatures?.length
  ) {
    return `its protocol is (${minReaderVersion}, ${minWriterVersion}), Tidemark writes up to (1, 2)`
  }
  if (snapshot.setting('delta.appendOnly') === 'true') return 'it is append-only (delta.appendOnly)'
  return undefined
}

function foreignOwner(
  snapshot: Snapshot,
  spec: Pick<TableSpec, 'metadata'> | undefined,
): string | undefined {
  const owner = snapshot.setting(SETTING.pipeline)
  if (owner === undefined)
    return `another program made it (its metadata has no ${SETTING.pipeline})`
  if (spec && owner !== pipelineOf(spec)) {
    return `it belongs to the pipeline ${owner}, this one is ${pipelineOf(spec)}`
  }
  const { partitionColumns } = snapshot.metaData
  if (partitionColumns.join() !== PARTITION_COLUMN) {
    return `it is partitioned by (${partitionColumns.join(', ')}), not by ${PARTITION_COLUMN}`
  }
  return undefined
}
