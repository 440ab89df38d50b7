/**
 * A bucket that is talked to: one client of the SDK, with the usual chain of credentials (environment, profile, web
 * identity, container, instance) and bounds on everything that waits, so that no call hangs.
 */
import process from 'node:process'
import { S3Client } from '@aws-sdk/client-s3'
import type { StorageLocation } from '../core/definition.ts'

export type S3Location = Extract<StorageLocation, { kind: 's3' }>

export interface S3Timeouts {
  readonly connectMs: number
  /** Without a byte in either direction. */
  readonly silenceMs: number
  /** Of each request, the first one included. */
  readonly attempts: number
}

export const DEFAULT_TIMEOUTS: S3Timeouts = { connectMs: 5000, silenceMs: 10_000, attempts: 3 }

export interface Bucket {
  readonly client: S3Client
  readonly name: string
}

/** Servers that are no AWS take any; the signature has to name one. */
const REGION_BESIDE_ENDPOINT = 'us-east-1'

export function openBucket(location: S3Location, timeouts: S3Timeouts): Bucket {
  const { bucket, endpoint, pathStyle } = location
  // The pinned version works on this Node, and a warning of the SDK about later ones is no operator's business.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  const region =
    location.region ??
    (endpoint === undefined ? undefined : (process.env['AWS_REGION'] ?? REGION_BESIDE_ENDPOINT))
  const client = new S3Client({
    forcePathStyle: pathStyle,
    maxAttempts: timeouts.attempts,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      socketTimeout: timeouts.silenceMs,
    },
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && {
      endpoint,
      // Several servers take the SDK's newer checksums for content, or refuse them.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
  })
  return { client, name: bucket }
}
