/**
 * The servers of the integration tests. One Kafka broker and one Redis serve a whole run: they start when the first test
 * asks, and end with the run. Tests that kill or pause a server start their own (`servers/kafka.ts`, `servers/redis.ts`).
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Address at which the run's own process starts the shared servers. */
    readonly sharedServers: string
  }
}

/** A broker whose group and transaction coordinators are awake. Topics and groups get names by `uniqueName`. */
export async function sharedKafka(): Promise<{ readonly bootstrap: string }> {
  return { bootstrap: await ask('kafka') }
}

/** An empty database of its own on the shared Redis. Functions are the server's: never FLUSHALL, never SCRIPT FLUSH. */
export async function sharedRedis(): Promise<{ readonly url: string }> {
  return { url: await ask('redis') }
}

/** The URL of the Confluent API of the shared registry. Subjects get names by `uniqueName`. */
export async function sharedRegistry(): Promise<{ readonly url: string }> {
  return { url: await ask('registry') }
}

export interface SharedBucket {
  readonly endpoint: string
  /** New and empty. */
  readonly bucket: string
  readonly accessKey: string
  readonly secretKey: string
  /** Its objects as files. */
  readonly directory: string
}

/** A bucket of its own on the shared S3 server. Ask `s3Obstacle` of `servers/s3.ts` first, and skip where it names one. */
export async function sharedS3(): Promise<SharedBucket> {
  return JSON.parse(await ask('s3')) as SharedBucket
}

/** `clicks-3f9a0c12b7`: for topics, groups, subjects, prefixes. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`
}

/** A directory for a server of one test, deleted at its end: `using directory = new ServerDirectory()` before the server. */
export class ServerDirectory implements Disposable {
  readonly path = mkdtempSync(path.join(os.tmpdir(), 'tidemark-servers-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

async function ask(server: string): Promise<string> {
  const answer = await fetch(`${inject('sharedServers')}/${server}`)
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
  return text
}
