/** Buckets of the shared S3 server as pipelines and adapters name them, with the keys in this process's environment. */
import process from 'node:process'
import type { S3Location } from '../../src/s3/bucket.ts'
import { sharedS3 } from './servers.ts'
import type { SharedBucket } from './servers.ts'

/** A new bucket. From now on this process has the right to it. */
export async function newBucket(): Promise<SharedBucket> {
  const bucket = await sharedS3()
  useKeys(bucket.accessKey, bucket.secretKey)
  return bucket
}

export function useKeys(accessKey: string, secretKey: string): void {
  process.env['AWS_ACCESS_KEY_ID'] = accessKey
  process.env['AWS_SECRET_ACCESS_KEY'] = secretKey
}

export function locationIn({ bucket, endpoint }: SharedBucket, prefix = 'features'): S3Location {
  return { kind: 's3', bucket, prefix, endpoint, pathStyle: true }
}
