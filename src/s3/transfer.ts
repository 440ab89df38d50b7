/**
 * Bytes to and from a bucket. Uploads go from memory, part by part, so that each can be repeated; a download that breaks off
 * begins again, and is whole or fails.
 */
import { createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { CompletedPart } from '@aws-sdk/client-s3'
import type { Bucket } from './bucket.ts'
import { backoffMs } from './backoff.ts'
import { statusOf } from './s3-failure.ts'

/** Larger files go in parts, of which S3 takes 10,000. */
const PART_BYTES = 8 * 2 ** 20
const PARTS_MAX = 9000
const PARTS_AT_ONCE = 3
const DOWNLOADS_MAX = 4

export interface UploadOptions {
  /** By default 8 MiB; S3 takes no part under 5 MiB but the last. */
  readonly partBytes?: number
}

/** @returns bytes of the file */
export async function upload(
  bucket: Bucket,
  key: string,
  localPath: string,
  { partBytes = PART_BYTES }: UploadOptions = {},
): Promise<number> {
  const file = await open(localPath, 'r')
  try {
    const { size } = await file.stat()
    if (size <= partBytes) {
      const Body = await readPart(file, 0, size)
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body }))
    } else {
      const bytes = Math.max(partBytes, Math.ceil(size / PARTS_MAX))
      await uploadParts(bucket, key, { file, size, partBytes: bytes })
    }
    return size
  } finally {
    await file.close()
  }
}

interface PartedFile {
  readonly file: FileHandle
  readonly size: number
  readonly partBytes: number
}

async function uploadParts(bucket: Bucket, key: string, parted: PartedFile): Promise<void> {
  const { client, name: Bucket } = bucket
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: key }))
  const place = { Bucket, Key: key, UploadId }
  try {
    const Parts = await sendParts(bucket, place, parted)
    await client.send(new CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts } }))
  } catch (error) {
    if (await isWhole(bucket, key, { error, size: parted.size })) return
    // What cannot be told now is deleted by the bucket's lifecycle rule, if it has one.
    await client.send(new AbortMultipartUploadCommand(place)).catch(() => undefined)
    throw error
  }
}

/** The answer to the last request was lost, and its repetition found no upload any more: then the file is there. */
async function isWhole(
  { client, name }: Bucket,
  key: string,
  { error, size }: { readonly error: unknown; readonly size: number },
): Promise<boolean> {
  if (!(error instanceof Error) || error.name !== 'NoSuchUpload') return false
  const head = await client
    .send(new HeadObjectCommand({ Bucket: name, Key: key }))
    .catch(() => undefined)
  return head?.ContentLength === size
}

async function sendParts(
  { client }: Bucket,
  place: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined },
  { file, size, partBytes }: PartedFile,
): Promise<CompletedPart[]> {
  const count = Math.ceil(size / partBytes)
  const sent: CompletedPart[] = []
  let next = 0
  const sendOn = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const begin = index * partBytes
      const Body = await readPart(file, begin, Math.min(partBytes, size - begin))
      const PartNumber = index + 1
      const { ETag } = await client.send(new UploadPartCommand({ ...place, PartNumber, Body }))
      sent[index] = { PartNumber, ETag }
    }
  }
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sendOn))
  return sent
}

async function readPart(file: FileHandle, begin: number, bytes: number): Promise<Buffer> {
  const part = Buffer.alloc(bytes)
  let done = 0
  while (done < bytes) {
    const { bytesRead } = await file.read(part, done, bytes - done, begin + done)
    if (bytesRead === 0) throw new Error('the local file became shorter while it was sent')
    done += bytesRead
  }
  return part
}

/** Within the bucket, by the server. @returns bytes of the file */
export async function copyObject(
  { client, name: Bucket }: Bucket,
  from: string,
  to: string,
): Promise<number> {
  const CopySource = [Bucket, ...from.split('/')].map(encodeURIComponent).join('/')
  await client.send(new CopyObjectCommand({ Bucket, Key: to, CopySource }))
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: to }))
  return head.ContentLength ?? 0
}

/** Undefined where there is no such object. */
export function download(bucket: Bucket, key: string): Promise<Uint8Array | undefined> {
  return withBody(bucket, key, async (body) => {
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk as Buffer)
    const whole = Buffer.concat(chunks)
    return { bytes: whole.length, result: whole }
  })
}

/** False where there is no such object. */
export async function downloadTo(bucket: Bucket, key: string, localPath: string): Promise<boolean> {
  const done = await withBody(bucket, key, async (body) => {
    await pipeline(body, createWriteStream(localPath))
    return { bytes: (await stat(localPath)).size, result: true }
  })
  return done ?? false
}

async function withBody<T>(
  { client, name }: Bucket,
  key: string,
  take: (body: Readable) => Promise<{ readonly bytes: number; readonly result: T }>,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    let expected: number | undefined
    let body: Readable
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket: name, Key: key }))
      body = answer.Body as Readable
      expected = answer.ContentLength
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    try {
      const { bytes, result } = await take(body)
      if (expected === undefined || bytes === expected) return result
      throw new Error(`the answer broke off after ${bytes} of ${expected} bytes`)
    } catch (error) {
      body.destroy()
      // The SDK repeats requests, not the reading of an answer.
      if (attempt === DOWNLOADS_MAX) throw error
      await sleep(backoffMs(attempt))
    }
  }
}

/** Of an answer without a body, as to HEAD, nothing more is known. */
const MISSING = ['NoSuchKey', 'NotFound', '404', 'Unknown', 'UnknownError']

/** A missing bucket, or a user that is not known, is not a missing object: its owner would begin anew. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && MISSING.includes(error.name)
}
