/**
 * Archives of raw events: what a file of one gives, whatever its format, and what a plan remembers of one. The port; its adapters are
 * `src/archive/json-lines.ts`, `src/format/avro-file.ts` and `src/duckdb/parquet-archive.ts`. Errors: SOURCE_UNREADABLE.
 */
import type { OffsetSpan } from '../core/offset-span.ts'

/** A row of an archive as the record that it was in the log. */
export interface ArchivedRecord {
  readonly offset: number
  /** Ms; NaN where the archive has none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  /** As it was in the log, or, where its fields are columns of their own, those as JSON. */
  readonly value: Uint8Array | null
}

/** Under which names an archive keeps what is asked of it. */
export interface ArchiveColumns {
  readonly partition: string
  readonly offset: string
  readonly timestamp: string
  readonly key: string
  /** Of a whole value, as bytes or text, or of an object of fields. */
  readonly value: string
  /** Texts of whole values are bytes in base64. */
  readonly isBase64: boolean
  /** Paths of the event's fields, by the archive's names. */
  readonly fields: readonly (readonly string[])[]
}

export interface ArchiveFileName {
  /** On this machine. */
  readonly path: string
  /** Under the archive's place: for people. */
  readonly name: string
  /** What directories such as `source=web` say; they count as columns where a file lacks these. */
  readonly hive: ReadonlyMap<string, string>
}

/** How values lie in a file: whole under one name, as an object under it, or by field. */
export type ArchiveLayout = 'whole' | 'nested' | 'fields'

export interface ArchiveFileFacts {
  /** Rows say their partition, offset and timestamp; else their place in the file is their offset. */
  readonly hasPositions: boolean
  readonly layout: ArchiveLayout
  /** Ascending by partition; of a file without positions one of partition 0. */
  readonly spans: readonly OffsetSpan[]
  /** Of the fields asked for, dotted: those that are instants by their type, and those that the file has not. */
  readonly instants: readonly string[]
  readonly lacks: readonly string[]
}

export interface ArchiveFormat {
  /** Reads it once. */
  examine(file: ArchiveFileName, columns: ArchiveColumns): Promise<ArchiveFileFacts>
  /** The records of a partition from an offset on, as they lie in the file where `span.isSorted`, else in any order. */
  records(
    file: ArchiveFileName,
    wish: {
      readonly columns: ArchiveColumns
      readonly facts: Pick<ArchiveFileFacts, 'hasPositions' | 'layout'>
      readonly partition: number
      readonly from: number
    },
  ): AsyncIterable<readonly ArchivedRecord[]>
}

/** A file as a plan remembers it: enough to read it later, and to tell whether it is still the same. */
export interface ArchivedFile {
  /** Relative to the archive's place. */
  readonly path: string
  readonly bytes: number
  /** SHA-256, hex. */
  readonly digest: string
  /** Where an archive has no positions of its own, those of its rows: files in the order of their paths, one after the other. */
  readonly spans: readonly OffsetSpan[]
}

/** All that is needed to read an archive, fixed when the replay is planned. */
export interface ArchiveSelection {
  readonly location: string
  /** SHA-256, hex, of the files' names, sizes and digests. */
  readonly checksum: string
  /** The archive's names for what the pipeline calls otherwise. */
  readonly columns: Readonly<Record<string, string>>
  readonly layout: ArchiveLayout
  /** Rows carry partition, offset and timestamp, so that they stand for the topic's; else the archive is a log of its own. */
  readonly hasPositions: boolean
  /** The event's time is an instant by its type. */
  readonly hasInstant: boolean
  readonly files: readonly ArchivedFile[]
}
