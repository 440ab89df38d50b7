/** Metrics and health of a run, served where the pipeline file says so (`http`). */
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { planViews } from '../core/view-plan.ts'
import type { RunParts, RunProgress } from '../engine/parts.ts'
import type { RecordSource } from '../engine/ports.ts'
import { healthOf } from '../http/health.ts'
import type { Health } from '../http/health.ts'
import { serveOperations } from '../http/server.ts'
import { createMetrics } from '../metrics/metrics.ts'
import type { RedisOnlineStore } from '../redis/online-store.ts'
import { isKafka, stateDirectory } from './compose.ts'
import type { OpenedParts } from './compose.ts'
import { packageVersion } from './version.ts'

type WatchedParts = Pick<RunParts, 'pipeline' | 'source' | 'online' | 'clock' | 'log'>

/**
 * Opens the server before the run begins, so that a start that takes long can be watched; it is closed with the other parts.
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
  if (http === undefined) return () => undefined
  let last: RunProgress | undefined
  const metrics = createMetrics({
    pipeline,
    topic: source.topic,
    version: packageVersion(),
    clock,
    progress: () => last,
    extras: {
      sourceReachable: () => sourceTrouble(source) === undefined,
      stateBytes: () => stateBytes(parts, last),
      tableBytes: () => tableBytes(parts),
      evictedKeys: () => evictedKeys(parts),
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
async function tableBytes({ pipeline }: WatchedParts): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  const location = pipeline.sinks.offline?.location
  if (location === undefined) return sizes
  for (const { tableName } of planViews(pipeline)) {
    for (const table of [tableName, `${tableName}__tiles`])
      sizes.set(table, await directoryBytes(path.join(location, table)))
  }
  return sizes
}

/** Files come and go meanwhile; what is gone has no size. */
async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const at = path.join(directory, entry.name)
    if (entry.isDirectory()) bytes += await directoryBytes(at)
    else bytes += (await stat(at).catch(() => undefined))?.size ?? 0
  }
  return bytes
}
