/**
 * The actions of a Delta log, as far as protocol (reader 1, writer 2) has them, and their JSON lines.
 * https://github.com/delta-io/delta/blob/master/PROTOCOL.md
 */

export interface Protocol {
  readonly minReaderVersion: number
  readonly minWriterVersion: number
  readonly readerFeatures?: readonly string[] | null
  readonly writerFeatures?: readonly string[] | null
}

export interface MetaData {
  readonly id: string
  readonly name?: string | null
  readonly description?: string | null
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> }
  readonly schemaString: string
  readonly partitionColumns: readonly string[]
  readonly configuration: Readonly<Record<string, string>>
  readonly createdTime?: number | null
}

export interface AddFile {
  /** Relative to the table, URI-encoded; ours need no encoding. */
  readonly path: string
  readonly partitionValues: Readonly<Record<string, string | null>>
  readonly size: number
  readonly modificationTime: number
  readonly dataChange: boolean
  readonly stats?: string | null
  readonly tags?: Readonly<Record<string, string>> | null
}

export interface RemoveFile {
  readonly path: string
  readonly deletionTimestamp?: number | null
  readonly dataChange: boolean
  readonly extendedFileMetadata?: boolean | null
  readonly partitionValues?: Readonly<Record<string, string | null>> | null
  readonly size?: number | null
}

/** The newest `version` that an application has recorded under its id. */
export interface Txn {
  readonly appId: string
  readonly version: number
  readonly lastUpdated?: number | null
}

/** Provenance, for people and `history()`; decides nothing. */
export type CommitInfo = Readonly<Record<string, unknown>>

/** One line: exactly one of them is set. */
export interface Action {
  readonly commitInfo?: CommitInfo | null
  readonly protocol?: Protocol | null
  readonly metaData?: MetaData | null
  readonly txn?: Txn | null
  readonly remove?: RemoveFile | null
  readonly add?: AddFile | null
}

export function encodeActions(actions: readonly Action[]): Uint8Array {
  return Buffer.from(actions.map((action) => `${JSON.stringify(action)}\n`).join(''))
}

/** Actions of kinds that we do not know come out empty; the protocol check refuses those that would matter. */
export function decodeActions(bytes: Uint8Array): Action[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Action)
}

/** What takes an active file out of the table. */
export function removalOf(file: AddFile, nowMs: number, dataChange: boolean): RemoveFile {
  return {
    path: file.path,
    deletionTimestamp: nowMs,
    dataChange,
    extendedFileMetadata: true,
    partitionValues: file.partitionValues,
    size: file.size,
  }
}
