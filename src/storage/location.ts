/** How a place of files is called in messages: as it would be written in the pipeline file. */
import type { StorageLocation } from '../core/definition.ts'

/** `/data/features`, `s3://features/shop` */
export function locationText(location: StorageLocation): string {
  if (location.kind === 'directory') return location.directory
  const { bucket, prefix } = location
  return prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`
}
