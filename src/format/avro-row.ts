/** Rows of an Avro container file: where each has its position, its value whole or by field, and what their schema says of that. */
import type { Type, types } from 'avsc'
import type {
  ArchiveColumns,
  ArchivedRecord,
  ArchiveFileName,
  ArchiveLayout,
} from '../engine/archive-port.ts'
import { TidemarkError } from '../errors.ts'
import { compileAvroJson } from './avro-json.ts'
import { leafKind } from './avro-leaf.ts'
import { nonNull, stepInto } from './avro-record.ts'

export type AvroRow = Readonly<Record<string, unknown>>

export class AvroRows {
  readonly hasPositions: boolean
  readonly layout: ArchiveLayout
  readonly instants: readonly string[]
  readonly lacks: readonly string[]
  readonly #columns: ArchiveColumns
  readonly #file: ArchiveFileName
  readonly #hivePartition: number | undefined
  readonly #toJson: (row: AvroRow) => string
  #number = 0

  constructor(type: types.RecordType, columns: ArchiveColumns, file: ArchiveFileName) {
    this.#columns = columns
    this.#file = file
    const has = (name: string): boolean => stepInto(type, name) !== undefined
    const hive = file.hive.get(columns.partition)
    this.#hivePartition = hive !== undefined && /^\d{1,6}$/.test(hive) ? Number(hive) : undefined
    const hasPartition = has(columns.partition) || this.#hivePartition !== undefined
    this.hasPositions = has(columns.offset)
    if (this.hasPositions && !(hasPartition && has(columns.timestamp)))
      throw this.#unreadable(
        `the schema has ${columns.offset}, but no ${hasPartition ? columns.timestamp : columns.partition}. If it has another name, say so: --archive-columns ${hasPartition ? '_timestamp' : '_partition'}=COLUMN`,
      )
    const value = stepInto(type, columns.value)
    this.layout = value === undefined ? 'fields' : isRecord(value) ? 'nested' : 'whole'
    const prefix = this.layout === 'nested' ? [columns.value] : []
    const leaves = columns.fields.map((path) => ({
      name: path.join('.'),
      leaf: leafAt(type, [...prefix, ...path]),
    }))
    const byField = this.layout !== 'whole'
    this.instants = byField
      ? leaves.flatMap(({ name, leaf }) => (leaf && isInstant(leaf) ? [name] : []))
      : []
    this.lacks = byField
      ? leaves.flatMap(({ name, leaf }) => (leaf || file.hive.has(name) ? [] : [name]))
      : []
    const needed = new Set(columns.fields.map(([first]) => first))
    const keeps = (name: string): boolean =>
      this.layout === 'nested' ? name === columns.value : needed.has(name)
    this.#toJson = compileAvroJson(type, { keeps, constants: file.hive })
  }

  positionOf(row: AvroRow): { readonly partition: number; readonly offset: number } {
    const { partition, offset } = this.#columns
    this.#number += 1
    if (!this.hasPositions) return { partition: 0, offset: this.#number - 1 }
    const position = {
      partition: Number(row[partition] ?? this.#hivePartition),
      offset: Number(row[offset] ?? NaN),
    }
    if (Number.isSafeInteger(position.partition) && Number.isSafeInteger(position.offset))
      return position
    throw this.#unreadable(
      `row ${this.#number}: expected ${partition} and ${offset} as integers, found ${String(row[partition])} and ${String(row[offset])}`,
    )
  }

  record(row: AvroRow, offset: number): ArchivedRecord {
    const { timestamp, key, value, isBase64 } = this.#columns
    return {
      offset,
      timestamp: row[timestamp] === undefined ? NaN : Number(row[timestamp] ?? NaN),
      key: bytesOf(row[key], false),
      value:
        this.layout === 'whole'
          ? bytesOf(row[value], isBase64)
          : this.layout === 'nested' && (row[value] ?? null) === null
            ? null
            : Buffer.from(this.#toJson(row)),
    }
  }

  #unreadable(what: string): TidemarkError {
    return new TidemarkError('SOURCE_UNREADABLE', `${this.#file.name}: ${what}`)
  }
}

function leafAt(type: Type, path: readonly string[]): Type | undefined {
  let at: Type | undefined = type
  for (const segment of path) {
    const next: Type | undefined = at && stepInto(at, segment)
    const branches: readonly Type[] = next === undefined ? [] : nonNull(next)
    at = branches.length === 1 ? branches[0] : undefined
  }
  return at
}

function isRecord(type: Type): boolean {
  const [only] = nonNull(type)
  return only?.typeName === 'record'
}

function isInstant(type: Type): boolean {
  return leafKind(type) === 'instant'
}

function bytesOf(value: unknown, isBase64: boolean): Uint8Array | null {
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return value
  const isPlain =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
  return Buffer.from(isPlain ? String(value) : '', isBase64 ? 'base64' : 'utf8')
}
