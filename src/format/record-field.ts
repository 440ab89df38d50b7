/** Fields that lie beside a record's value: `$key`, `$timestamp`, `$header.name`. */
import { isUtf8 } from 'node:buffer'
import type { FieldPath } from '../core/definition.ts'
import type { RecordBatch } from '../core/event.ts'
import type { FieldType, Value } from '../core/value.ts'
import { readText } from './text-value.ts'

/** A field of the record at an index of a batch: null is absent, undefined has the wrong type. */
export type FieldReader = (records: RecordBatch, at: number) => Value | undefined

export type RecordPath = Exclude<FieldPath, { readonly kind: 'value' }>

/** Text is UTF-8 and is read as the type has it; of headers with the same name, the last one counts. */
export function compileRecordField(path: RecordPath, type: FieldType): FieldReader {
  switch (path.kind) {
    case 'key':
      return ({ bytes, keyStarts, keyEnds }, at) => {
        const start = keyStarts[at]!
        return start < 0 ? null : readBytes(type, bytes.subarray(start, keyEnds[at]))
      }
    case 'timestamp':
      return ({ timestamps }, at) => timestampValue(type, timestamps[at]!)
    case 'header':
      return ({ headers }, at) => {
        const value = headers?.[at]?.findLast(({ key }) => key === path.name)?.value ?? null
        return value === null ? null : readBytes(type, value)
      }
  }
}

function readBytes(type: FieldType, bytes: Uint8Array): Value | undefined {
  if (!isUtf8(bytes)) return undefined
  return readText(type, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
}

function timestampValue(type: FieldType, timestamp: number): Value | undefined {
  if (Number.isNaN(timestamp)) return null
  // A producer may set one that is no exact integer of ours, and no instant.
  if (!Number.isSafeInteger(timestamp)) return undefined
  return type.kind === 'timestamp' || type.kind === 'int64' || type.kind === 'double'
    ? timestamp
    : undefined
}
