/** Places of files as they are written: a directory, or `s3://BUCKET/PREFIX` in an S3-compatible store. */
import path from 'node:path'
import type { StorageLocation } from '../core/definition.ts'

export const LOCATION_RULE = 'a directory or `s3://BUCKET/PREFIX`'

type S3Location = Extract<StorageLocation, { kind: 's3' }>
/** What all places in S3 share; `s3` of the file. */
export type S3Connection = Pick<S3Location, 'endpoint' | 'region' | 'pathStyle'>

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i
/** Names that are also names of hosts, as S3 asks; and keys without characters that some tool would have to escape. */
const BUCKET = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9!_.*'()=-]+$/

/** Undefined: it is neither. */
export function parseLocation(
  text: string,
  { directory, s3 }: { readonly directory: string; readonly s3: S3Connection },
): StorageLocation | undefined {
  if (!SCHEME.test(text)) return { kind: 'directory', directory: path.resolve(directory, text) }
  const [whole, bucket, key = ''] = BUCKET.exec(text) ?? []
  if (whole === undefined || bucket === undefined) return undefined
  const prefix = key.replace(/\/+$/, '')
  const isPlain = prefix === '' || prefix.split('/').every((each) => SEGMENT.test(each))
  return isPlain ? { kind: 's3', bucket, prefix, ...s3 } : undefined
}
