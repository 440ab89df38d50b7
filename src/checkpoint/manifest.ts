/**
 * The manifest of a checkpoint: what a state needs to stand again, in one file that is there whole or not at all. It is
 * JSON with its own SHA-256 in front, over the bytes of all that follows, so that damage is told from news.
 *
 * Under a manifest's name there may also be the word that nothing will ever be stored there: see `writers.ts`.
 */
import { createHash } from 'node:crypto'
import type { Checkpoint } from '../engine/checkpoint-port.ts'

/** A checkpoint, and where its files are. */
export interface StoredCheckpoint extends Checkpoint {
  readonly files: readonly StoredFile[]
}

interface StoredFile {
  readonly name: string
  readonly bytes: number
  readonly digest: string
  /** Of the object in the partition's folder; its first part is the checkpoint that brought it. */
  readonly object: string
}

export type Manifest =
  | { readonly kind: 'whole'; readonly checkpoint: StoredCheckpoint }
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'damaged'; readonly why: string }
  /** Of a version of Tidemark that is newer than this one: not to be read, and not to be cleared up after. */
  | { readonly kind: 'foreign'; readonly why: string }

const FORMAT = 1
const HEAD = `{"format":${FORMAT},"digest":"`
const DIGEST_LENGTH = 64
const BETWEEN = '","checkpoint":'
const BODY_AT = HEAD.length + DIGEST_LENGTH + BETWEEN.length
const END = '}\n'

export function encodeManifest(checkpoint: StoredCheckpoint): Uint8Array {
  return encode(JSON.stringify(checkpoint))
}

export const ABANDONED = encode('null')

function encode(body: string): Uint8Array {
  return Buffer.from(`${HEAD}${digestOf(Buffer.from(body))}${BETWEEN}${body}${END}`)
}

/** `id` is what its file is called: a manifest under another name is not what it was. */
export function decodeManifest(id: string, bytes: Uint8Array): Manifest {
  const text = Buffer.from(bytes).toString('utf8')
  const other = otherFormat(text)
  if (other !== undefined) return { kind: 'foreign', why: `it has the format ${other}` }
  const body = text.slice(BODY_AT, -END.length)
  if (encode(body).length !== bytes.length || !Buffer.from(bytes).equals(encode(body)))
    return { kind: 'damaged', why: 'its bytes are not those that were written' }
  const checkpoint = JSON.parse(body) as StoredCheckpoint | null
  if (checkpoint === null) return { kind: 'abandoned' }
  if (checkpoint.id !== id) return { kind: 'damaged', why: `it is that of ${checkpoint.id}` }
  return { kind: 'whole', checkpoint }
}

function otherFormat(text: string): number | undefined {
  const format = /^\{"format":(\d+),/.exec(text)?.[1]
  return format === undefined || Number(format) === FORMAT ? undefined : Number(format)
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
