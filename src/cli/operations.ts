/** Metrics and health of a run, served where the pipeline file says so (`http`). */
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Pipeline } from '../core/definition.ts'
import { planViews } from '../core/view-plan.ts'
import type { RunProgress } from '../engine/parts.ts'
import type { RecordSource } from '../engine/ports.ts'
import { healthOf } from '../http/health.ts'
import type { Health } from '../http/health.ts'
import { serveOperations } from '../http/server.ts'
import { createMetrics } from '../metrics/metrics.ts'
import type { RedisOnlineStore } from '../redis/online-store.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { StoredReplays } from '../storage/replay-records.ts'
import { TABLE_FAULTS } from '../table/failure.ts'
import { isKafka, stateDirectory } from './compose.ts'
import type { OpenedParts, OpenRunParts } from './compose.ts'
import { GateWatch } from './gate-watch.ts'
import { openStorage } from './open-storage.ts'
import { PublicationWatch } from './publication-watch.ts'
import { packageVersion } from './version.ts'

type WatchedParts = Pick<
  OpenRunParts,
  'pipeline' | 'source' | 'online' | 'clock' | 'log' | 'openTables'
>

/**
 * Watches the limits of the views' days and publishes that do not come to their end, and opens the server before the run begins, so
 * that a start that takes long can be watched; it is closed with the other parts.
 * The function that it returns is to be handed each progress of the run.
 *
 * @throws HTTP_LISTEN_FAILED
 */
export async function openOperations(
  parts: WatchedParts,
  opened: OpenedParts,
): Promise<(progress: RunProgress) => void> {
  const { pipeline, source, clock, log } = parts
  const { http } = pipeline
  const { gates, publications } = openWatches(parts, opened)
  const watch = (now: RunProgress): void => {
    gates?.update(now)
    publications?.update(now)
  }
  if (http === undefined) return watch
  let last: RunProgress | undefined
  const { offline } = pipeline.sinks
  const tables = offline && opened.add(await openStorage(pipeline, offline.location, TABLE_FAULTS))
  const metrics = createMetrics({
    pipeline,
    topic: source.topic,
    version: packageVersion(),
    clock,
    progress: () => last,
    extras: {
      sourceReachable: () => sourceTrouble(source) === undefined,
      stateBytes: () => stateBytes(parts, last),
      tableBytes: () => tableBytes(pipeline, tables),
      evictedKeys: () => evictedKeys(parts),
      gates: () => gates?.results ?? [],
      publications: () => publications?.status,
    },
  })
  const health = (): Health =>
    healthOf(last, {
      topic: source.topic,
      monotonicMs: clock.monotonicMs(),
      readyLagMax: http.readyLagMax,
      sourceTrouble: sourceTrouble(source),
    })
  const { url } = opened.add(await serveOperations({ ...http, log, metrics, health }))
  log.info({ url }, `metrics and health at ${url}`)
  return (now) => {
    last = now
    watch(now)
  }
}

interface Watches {
  readonly gates?: GateWatch
  readonly publications?: PublicationWatch
}

/** None where there are no tables. */
function openWatches(parts: WatchedParts, opened: OpenedParts): Watches {
  const { openTables } = parts
  if (openTables === undefined) return {}
  const { storage } = openTables
  const records = {
    replays: new StoredReplays(storage),
    generations: new GenerationRecords(storage),
  }
  return {
    gates: opened.add(new GateWatch(parts, openTables)),
    publications: opened.add(new PublicationWatch(parts, records)),
  }
}

/** Why the log cannot be read now; undefined where it can. */
function sourceTrouble(source: RecordSource): string | undefined {
  if (!isKafka(source) || source.reachability.reachable) return undefined
  return `${source.topic}: Kafka does not answer: ${source.reachability.reason ?? 'no reason given'}`
}

/** Undefined where the store evicts nothing. */
async function evictedKeys({ online }: WatchedParts): Promise<number | undefined> {
  return online && 'evictedKeys' in online ? (online as RedisOnlineStore).evictedKeys() : undefined
}

async function stateBytes(
  { pipeline }: WatchedParts,
  progress: RunProgress | undefined,
): Promise<ReadonlyMap<number, number>> {
  const sizes = new Map<number, number>()
  for (const { partition } of progress?.partitions ?? [])
    sizes.set(partition, await directoryBytes(stateDirectory(pipeline, partition)))
  if (sizes.size === 0) throw new Error('no partition is open yet')
  return sizes
}

/** Tables of the pipeline's views; another pipeline's may stand beside them. */
async function tableBytes(
  pipeline: Pipeline,
  storage: ObjectStorage | undefined,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  if (storage === undefined) return sizes
  for (const { tableName } of planViews(pipeline)) {
    for (const table of [tableName, `${tableName}__tiles`]) {
      const files = await storage.list(`${table}/`)
      sizes.set(
        table,
        files.reduce((sum, { bytes }) => sum + bytes, 0),
      )
    }
  }
  return sizes
}

/** Of a state: copies for readers and checkpoints, in folders of their own, are links. Files come and go; what is gone has no size. */
async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    bytes += (await stat(path.join(directory, entry.name)).catch(() => undefined))?.size ?? 0
  }
  return bytes
}
