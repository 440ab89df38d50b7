/**
 * Put-if-absent: PutObject with `If-None-Match: *`, which S3 decides atomically.
 *
 * An answer can be lost, and the request then is repeated: the winner would be told that the name is taken. So each put
 * carries a marker of its own in the object's metadata, and who is refused looks whose object it is.
 *
 * Some look-alikes ignore the header. On such a server two writers of one table would overwrite each other's commits, so
 * that is found out before the first put, and refused.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { backoffMs } from './backoff.ts'
import type { Bucket } from './bucket.ts'
import { statusOf } from './s3-failure.ts'

const MARKER = 'tidemark-put'
/** A conflict means that another put of the name is under way: it ends soon. */
const ATTEMPTS_MAX = 12
/** Puts of one name at once in the doctor's trial. */
const RIVALS = 8

/** False where the name is taken by another put. */
export async function putIfAbsent(
  bucket: Bucket,
  key: string,
  bytes: Uint8Array,
): Promise<boolean> {
  const marker = randomUUID()
  for (let attempt = 1; ; attempt += 1) {
    try {
      await putOnce(bucket, key, { bytes, marker })
      return true
    } catch (error) {
      const status = statusOf(error)
      if (status !== 412 && status !== 409) throw error
      if (status === 412) {
        const owner = await markerOf(bucket, key)
        if (owner !== undefined) return owner === marker
        // Deleted since: the name is free again.
      }
      if (attempt === ATTEMPTS_MAX) throw error
    }
    await sleep(backoffMs(attempt))
  }
}

/** What is wrong with the server's put-if-absent, in words; undefined where it works. Leaves its object there. */
export async function conditionProblem(bucket: Bucket, key: string): Promise<string | undefined> {
  const bytes = Buffer.from('Tidemark asks here whether the server honours If-None-Match.\n')
  await putIfAbsent(bucket, key, bytes)
  if (await putIfAbsent(bucket, key, bytes)) return IGNORED
  const marker = await markerOf(bucket, key)
  return marker === '' ? FORGETS : undefined
}

/** The same under contention, on an object of its own that is deleted afterwards. */
export async function contentionProblem(
  bucket: Bucket,
  folder: string,
): Promise<string | undefined> {
  const key = `${folder}-${randomUUID()}`
  try {
    const rivals = Array.from({ length: RIVALS }, () =>
      putIfAbsent(bucket, key, Buffer.from('trial\n')),
    )
    const settled = await Promise.allSettled(rivals)
    for (const each of settled) if (each.status === 'rejected') throw each.reason
    const won = settled.filter((each) => each.status === 'fulfilled' && each.value).length
    if (won === 1) return undefined
    return `${won} of ${RIVALS} writers of one new object were told that they had made it; ${IGNORED}`
  } finally {
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }))
  }
}

const IGNORED =
  'the server ignores If-None-Match, so two writers would overwrite each other and commits would be lost. Use a server that honours it (AWS, MinIO, Ceph, versitygw; docs/operate.md) or a directory'
const FORGETS =
  'the server does not keep the metadata of an object, by which a writer knows its own. Use another server (docs/operate.md) or a directory'

async function putOnce(
  { client, name }: Bucket,
  key: string,
  { bytes, marker }: { readonly bytes: Uint8Array; readonly marker: string },
): Promise<void> {
  await client.send(
    new PutObjectCommand({
      Bucket: name,
      Key: key,
      Body: bytes,
      IfNoneMatch: '*',
      Metadata: { [MARKER]: marker },
    }),
  )
}

/** Empty: the object has none. Undefined: there is no object. */
async function markerOf({ client, name }: Bucket, key: string): Promise<string | undefined> {
  try {
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: name, Key: key }))
    return Metadata?.[MARKER] ?? ''
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}
