/**
 * Buckets that a run writes to: can they be reached and written, and does the server keep two writers apart? The only part
 * of the doctor that writes: an object under `_tidemark/`, as every run does.
 */
import { CHECKPOINT_FAULTS } from '../checkpoint/failure.ts'
import type { Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import type { S3Location } from '../s3/bucket.ts'
import type { StorageFaults } from '../storage/failure.ts'
import { locationText } from '../storage/location.ts'
import { TABLE_FAULTS } from '../table/failure.ts'
import type { Finding } from './finding.ts'
import { openBucket } from './open-storage.ts'

interface WrittenBucket {
  readonly check: string
  readonly location: S3Location
  readonly faults: StorageFaults
}

/** Someone waits for the answer; a run is more patient. */
const TIMEOUTS = { connectMs: 3000, silenceMs: 5000, attempts: 2 }

export function checkBuckets({ state, sinks, checkpoints }: Pipeline): Promise<Finding[]> {
  const tables = sinks.offline?.location
  const kept = checkpoints?.location
  const buckets: WrittenBucket[] = []
  if (tables?.kind === 's3')
    buckets.push({ check: 'tables', location: tables, faults: TABLE_FAULTS })
  if (kept?.kind === 's3')
    buckets.push({ check: 'checkpoints', location: kept, faults: CHECKPOINT_FAULTS })
  return Promise.all(buckets.map((each) => checkBucket(state, each)))
}

async function checkBucket(
  state: string,
  { check, location, faults }: WrittenBucket,
): Promise<Finding> {
  await using storage = await openBucket(state, location, { faults, timeouts: TIMEOUTS })
  try {
    await storage.tryOut()
    const at = location.endpoint === undefined ? '' : ` at ${location.endpoint}`
    const detail = `${locationText(location)}${at} can be read and written, and keeps writers apart`
    return { check, verdict: 'ok', detail }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return { check, verdict: 'problem', detail: error.message }
  }
}
