/**
 * An archive of raw events: files under one place, by days where their directories say so. A replay is planned in two steps:
 * `extent` tells from which offset to which it reaches, from its first and last days alone; `select` takes the days that are needed,
 * and days before and after until every offset that is wanted is covered. Files of other days are never opened.
 */
import type { DayIndex } from '../core/day.ts'
import type { OffsetSpan } from '../core/offset-span.ts'
import type {
  ArchiveColumns,
  ArchiveFileFacts,
  ArchiveFileName,
  ArchiveFormat,
  ArchiveSelection,
  ArchivedFile,
} from '../engine/archive-port.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { checksumOf, digestOf, unreadable } from './archived-file.ts'
import { filePlace } from './file-place.ts'
import { agreement } from './agreement.ts'
import type { Agreement } from './agreement.ts'
import { coverageOf } from './coverage.ts'
import {
  higherOffsets,
  lowerOffsets,
  needed,
  oneAfterTheOther,
  reachesBack,
  reachesOn,
  selectedPartitions,
} from './needed-files.ts'
import type { SelectedPartition, WantedOffsets } from './needed-files.ts'

const EXAMINED_AT_ONCE = 2

export interface ArchiveParts {
  readonly storage: ObjectStorage
  /** Undefined: not a file of events. */
  formatOf(path: string): ArchiveFormat | undefined
  readonly columns: ArchiveColumns
  /** The archive's names for what the pipeline calls otherwise, as they were given. */
  readonly names: Readonly<Record<string, string>>
  /** Dotted path of the event's time, by the archive's names; undefined where it is no field. */
  readonly eventTime: string | undefined
}

export interface ArchiveExtent {
  readonly hasPositions: boolean
  /** By partition; those without records are left out. */
  readonly partitions: ReadonlyMap<number, { readonly start: number; readonly end: number }>
  /** On average. */
  readonly recordBytes: number | undefined
}

interface Listed {
  readonly path: string
  readonly bytes: number
  readonly format: ArchiveFormat
  readonly hive: ReadonlyMap<string, string>
}

interface Examined extends Listed {
  readonly facts: ArchiveFileFacts
}

export class Archive {
  readonly #parts: ArchiveParts
  /** Ascending by day. */
  readonly #days: readonly { readonly day: DayIndex; readonly files: readonly Listed[] }[]
  /** Without a day: any event may be there. */
  readonly #undated: readonly Listed[]
  readonly #examined = new Map<string, Promise<Examined>>()

  /** @throws SOURCE_UNREADABLE where there is no file of events */
  static async open(parts: ArchiveParts): Promise<Archive> {
    const { storage } = parts
    const found = await storage.list('')
    const files = found.flatMap(({ path, bytes }): (Listed & { day: DayIndex | undefined })[] => {
      const format = isHidden(path) ? undefined : parts.formatOf(path)
      return format === undefined ? [] : [{ path, bytes, format, ...filePlace(path) }]
    })
    if (files.length > 0) return new Archive(parts, files)
    throw unreadable(
      `${storage.location}: no file of events there, of ${found.length} files. Expected JSON lines (.jsonl, .ndjson, .json, also .gz), Avro container files (.avro) or Parquet (.parquet), in any directories`,
    )
  }

  private constructor(
    parts: ArchiveParts,
    files: readonly (Listed & { readonly day: DayIndex | undefined })[],
  ) {
    this.#parts = parts
    const days = new Map<DayIndex, Listed[]>()
    for (const file of files) {
      if (file.day === undefined) continue
      const group = days.get(file.day)
      if (group) group.push(file)
      else days.set(file.day, [file])
    }
    this.#days = [...days].map(([day, group]) => ({ day, files: group })).sort(byDay)
    this.#undated = files.filter(({ day }) => day === undefined)
  }

  /** Of the first days and the last ones only: days go on being looked at while they reach further. */
  async extent(): Promise<ArchiveExtent> {
    const undated = await this.#examine(this.#undated)
    const first = await this.#examineWhile(this.#days, lowerOffsets)
    const last = await this.#examineWhile(this.#days.toReversed(), higherOffsets)
    const files = [...new Set([...undated, ...first, ...last])]
    const spans = files.flatMap(({ facts }) => facts.spans)
    const partitions = new Map<number, { start: number; end: number }>()
    for (const { partition } of spans) {
      const cover = coverageOf(spans, partition)
      if (cover) partitions.set(partition, { start: cover.start, end: cover.end })
    }
    const records = spans.reduce((sum, span) => sum + span.records, 0)
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    return {
      hasPositions: agreement(this.#parts, files).hasPositions,
      partitions,
      recordBytes: records === 0 ? undefined : bytes / records,
    }
  }

  /** @throws SOURCE_UNREADABLE where files contradict each other, or lack a field that the pipeline reads */
  async select(
    wanted: readonly WantedOffsets[],
    days: { readonly first?: DayIndex; readonly last?: DayIndex },
  ): Promise<{
    readonly selection: ArchiveSelection
    readonly partitions: readonly SelectedPartition[]
  }> {
    const { agreed, chosen } = await this.#choose(wanted, days)
    const files = agreed.hasPositions ? needed(chosen, wanted) : oneAfterTheOther(chosen)
    const { layout, hasInstant, hasPositions } = agreed
    const archived = await this.#digested(files)
    return {
      selection: {
        location: this.#parts.storage.location,
        checksum: checksumOf(archived),
        columns: this.#parts.names,
        layout,
        hasPositions,
        hasInstant,
        files: archived,
      },
      partitions: selectedPartitions(archived, hasPositions ? wanted : undefined),
    }
  }

  /** Files without a day, those of the days, and those before and after until all that is wanted is covered. */
  async #choose(
    wanted: readonly WantedOffsets[],
    { first = -Infinity, last = Infinity }: { readonly first?: DayIndex; readonly last?: DayIndex },
  ): Promise<{ readonly agreed: Agreement; readonly chosen: readonly Examined[] }> {
    const begin = this.#days.findIndex(({ day }) => day >= first)
    let from = begin < 0 ? this.#days.length : begin
    let to = Math.max(from, this.#days.findLastIndex(({ day }) => day <= last) + 1)
    const dated = this.#days.slice(from, to).flatMap(({ files }) => files)
    const chosen = await this.#examine([...this.#undated, ...dated])
    const take = async (at: number): Promise<void> => {
      chosen.push(...(await this.#examine(this.#days[at]?.files ?? [])))
    }
    const { hasPositions } = agreement(this.#parts, chosen)
    while (hasPositions && from > 0 && wanted.some((each) => !reachesBack(chosen, each)))
      await take((from -= 1))
    while (
      hasPositions &&
      to < this.#days.length &&
      wanted.some((each) => !reachesOn(chosen, each))
    )
      await take(to++)
    return { agreed: agreement(this.#parts, chosen), chosen }
  }

  async #examineWhile(
    days: readonly { readonly files: readonly Listed[] }[],
    isFurther: (known: readonly OffsetSpan[], spans: readonly OffsetSpan[]) => boolean,
  ): Promise<Examined[]> {
    const all: Examined[] = []
    for (const { files } of days) {
      const examined = await this.#examine(files)
      const known = all.flatMap(({ facts }) => facts.spans)
      const spans = examined.flatMap(({ facts }) => facts.spans)
      all.push(...examined)
      if (known.length > 0 && !isFurther(known, spans)) break
    }
    return all
  }

  async #examine(files: readonly Listed[]): Promise<Examined[]> {
    const results: Examined[] = []
    for (let at = 0; at < files.length; at += EXAMINED_AT_ONCE) {
      const some = files.slice(at, at + EXAMINED_AT_ONCE)
      results.push(...(await Promise.all(some.map((file) => this.#examineOnce(file)))))
    }
    return results
  }

  #examineOnce(file: Listed): Promise<Examined> {
    const known = this.#examined.get(file.path)
    if (known) return known
    const examined = withLocal(this.#parts.storage, file, async (local) => ({
      ...file,
      facts: await file.format.examine(local, this.#parts.columns),
    }))
    this.#examined.set(file.path, examined)
    return examined
  }

  async #digested(
    files: readonly { readonly file: Examined; readonly spans: readonly OffsetSpan[] }[],
  ): Promise<ArchivedFile[]> {
    const archived: ArchivedFile[] = []
    for (const { file, spans } of files) {
      const digest = await withLocal(this.#parts.storage, file, ({ path }) => digestOf(path))
      archived.push({ path: file.path, bytes: file.bytes, digest, spans })
    }
    return archived
  }
}

export async function withLocal<T>(
  storage: ObjectStorage,
  file: { readonly path: string; readonly hive: ReadonlyMap<string, string> },
  work: (local: ArchiveFileName) => Promise<T>,
): Promise<T> {
  await using local = await storage.open(file.path)
  return await work({ path: local.path, name: file.path, hive: file.hive })
}

/** What programs leave beside the data: `_SUCCESS`, `.crc`, folders of tables' logs. A column's folder is `_partition=0`. */
function isHidden(path: string): boolean {
  return path
    .split('/')
    .some((part) => part.startsWith('.') || (part.startsWith('_') && !part.includes('=')))
}

function byDay(a: { readonly day: DayIndex }, b: { readonly day: DayIndex }): number {
  return a.day - b.day
}
