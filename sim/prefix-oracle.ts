/**
 * What the log says of any online value at any moment: its features are those of the records up to the offset in its version,
 * as of the day in its version, whoever wrote it and whenever. So every write is checked, a zombie's too.
 */
import type { Pipeline, ViewDefinition } from '../src/core/definition.ts'
import type { FieldType } from '../src/core/value.ts'
import type { OnlineValue } from '../src/engine/ports.ts'
import { entityText, onlineText } from '../test/support/compare-sinks.ts'
import type { OraclePartition } from '../test/support/judge-oracle.ts'
import { foldedRecords } from '../test/support/oracle.ts'
import { columnsOf, rowValues } from '../test/support/row-oracle.ts'
import type { FoldedRecord, OracleColumn } from '../test/support/row-oracle.ts'
import type { JudgedLog } from './judged-log.ts'

interface KnownView {
  readonly view: ViewDefinition
  readonly columns: readonly OracleColumn[]
  /** By entity as text. */
  readonly entities: ReadonlyMap<string, readonly FoldedRecord[]>
  /** Of which partition each is. */
  readonly partitions: ReadonlyMap<string, number>
}

export class PrefixOracle {
  readonly #pipeline: Pipeline
  readonly #log: JudgedLog
  /** By what a generation says of the log. */
  readonly #views = new Map<readonly OraclePartition[], ReadonlyMap<string, KnownView>>()
  readonly #types: ReadonlyMap<string, FieldType>
  /** Versions that were found right, with their fields as text. */
  readonly #known = new Map<string, string>()

  constructor(pipeline: Pipeline, log: JudgedLog) {
    this.#pipeline = pipeline
    this.#log = log
    this.#types = new Map(pipeline.source.fields.map(({ name, type }) => [name, type]))
  }

  #view(name: string, generation: number): KnownView | undefined {
    return this.#foldedOf(this.#log.of(generation)).get(name)
  }

  #foldedOf(parts: readonly OraclePartition[]): ReadonlyMap<string, KnownView> {
    const known = this.#views.get(parts) ?? this.#fold(parts)
    this.#views.set(parts, known)
    return known
  }

  #fold(parts: readonly OraclePartition[]): ReadonlyMap<string, KnownView> {
    const pipeline = this.#pipeline
    return new Map(
      pipeline.views.map((view) => {
        const entities = new Map<string, readonly FoldedRecord[]>()
        const partitions = new Map<string, number>()
        for (const part of parts) {
          for (const { entity, records } of foldedRecords(pipeline, view, part)) {
            const text = entityText(pipeline, view.entity, entity)
            entities.set(text, records)
            partitions.set(text, part.partition)
          }
        }
        const columns = columnsOf(view, this.#types)
        return [`${view.name}:v${view.version}`, { view, columns, entities, partitions }]
      }),
    )
  }

  /** What the records of a partition below a position say that is not all-empty as of a day: each entity with its last offset. */
  *valuesBelow(at: {
    readonly generation: number
    readonly partition: number
    readonly position: number
    readonly asOf: number
  }): Generator<{ readonly view: string; readonly entity: string; readonly offset: number }> {
    for (const [name, known] of this.#foldedOf(this.#log.of(at.generation))) {
      const { view, entities, partitions } = known
      const longest = Math.max(...view.windows)
      for (const [entity, records] of entities) {
        if (partitions.get(entity) !== at.partition) continue
        const told = records.filter(({ offset }) => offset < at.position)
        const offset = told.at(-1)?.offset
        if (offset === undefined || told.every(({ day }) => day < at.asOf - longest)) continue
        yield { view: name, entity, offset }
      }
    }
  }

  /** Offset of the entity's last record up to an offset, by what a generation says of the log. */
  lastOffset(view: string, entity: string, at: { generation: number; offset: number }): number {
    const records = this.#view(view, at.generation)?.entities.get(entity) ?? []
    return Math.max(
      -Infinity,
      ...records.map(({ offset }) => offset).filter((offset) => offset <= at.offset),
    )
  }

  /** In words; undefined where the value is right. */
  problemOf(value: OnlineValue): string | undefined {
    const { version, entity, fields } = value
    const at = `${value.view} ${entity} ${version.generation}.${version.offset}.${version.day}`
    const found = JSON.stringify([...fields].sort(([a], [b]) => (a < b ? -1 : 1)))
    let expected = this.#known.get(at)
    if (expected === undefined) {
      expected = this.#expected(value)
      this.#known.set(at, expected)
    }
    // The all-empty value may be written as nothing at all, or as zeros.
    if (
      found === expected ||
      (found === '[]' && value.eventTime === undefined && this.#isEmpty(value))
    )
      return undefined
    return `${at}: ${found}, but the log says ${expected}`
  }

  #expected({ view: name, entity, version }: OnlineValue): string {
    const known = this.#view(name, version.generation)
    if (known === undefined) return 'no such view'
    const { view, columns, entities } = known
    const records = (entities.get(entity) ?? []).filter(({ offset }) => offset <= version.offset)
    const values = rowValues({ view, types: this.#types, records }, version.day)
    const texts = columns.flatMap((column) => {
      const cell = values.get(column.name) ?? null
      return cell === null ? [] : [[column.name, onlineText(cell, column)]]
    })
    return JSON.stringify(texts.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)))
  }

  /** No record of the longest window: nothing, or zeros. */
  #isEmpty({ view: name, entity, version }: OnlineValue): boolean {
    const known = this.#view(name, version.generation)
    if (known === undefined) return false
    const first = version.day - Math.max(...known.view.windows)
    return !(known.entities.get(entity) ?? []).some(
      ({ offset, day }) => offset <= version.offset && day > first && day <= version.day,
    )
  }
}
