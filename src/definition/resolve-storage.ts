/** Places of files in the pipeline file, and what they share: `s3`, `checkpoints`, `sinks.offline.delta`. */
import path from 'node:path'
import type { CheckpointDefinition, StorageLocation } from '../core/definition.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { PipelineFile } from './schema.ts'
import { LOCATION_RULE, parseLocation } from './storage-location.ts'
import type { S3Connection } from './storage-location.ts'

/** More often than that, one would begin before the last one ends. */
const EVERY_MIN_MS = 1000

export interface StorageSurroundings {
  /** Absolute; relative paths start from it. */
  readonly directory: string
  readonly s3: S3Connection
  readonly report: Report
}

export function resolveS3(s3: PipelineFile['s3'], report: Report): S3Connection {
  const { endpoint, region, pathStyle = endpoint !== undefined } = s3
  if (endpoint !== undefined) checkEndpoint(endpoint, report)
  const regionAt = ['s3', 'region']
  if (region !== undefined && !/^[a-z0-9-]+$/.test(region)) {
    const found = report.show(regionAt, region)
    report.add(regionAt, `expected the name of a region such as \`eu-central-1\`, found ${found}`)
  }
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    pathStyle,
  }
}

function checkEndpoint(endpoint: string, report: Report): void {
  const at = ['s3', 'endpoint']
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    report.add(
      at,
      'expected a URL without user and password: keys come from the environment, a profile or the machine (docs/operate.md)',
    )
    return
  }
  const isServer =
    url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === ''
  if (!isServer) {
    const found = report.show(at, endpoint)
    report.add(
      at,
      `expected the URL of a server, such as \`http://127.0.0.1:9000\`, found ${found}`,
    )
  }
}

/** A place that cannot be read is told, and stands in as a directory. */
export function resolveLocation(
  given: string,
  at: Path,
  { directory, s3, report }: StorageSurroundings,
): StorageLocation {
  const location = parseLocation(given, { directory, s3 })
  if (location !== undefined) return location
  report.add(at, `expected ${LOCATION_RULE}, found ${report.show(at, given)}`)
  return { kind: 'directory', directory: path.resolve(directory, given) }
}

export function resolveCheckpoints(
  checkpoints: PipelineFile['checkpoints'],
  surroundings: StorageSurroundings,
): CheckpointDefinition | undefined {
  if (checkpoints === undefined) return undefined
  const { store, every, keep, keepFor } = checkpoints
  if (every < EVERY_MIN_MS) {
    surroundings.report.add(['checkpoints', 'every'], 'expected at least `1s`')
  }
  return {
    location: resolveLocation(store, ['checkpoints', 'store'], surroundings),
    everyMs: every,
    keep,
    keepForMs: keepFor,
  }
}
