/**
 * Replays the log of a table version by version and sees that each keeps what the table promises:
 *
 *  - actions are well-formed: an add of a new file that exists, a remove of an active one, both of names of ours;
 *  - at every version a slot has at most one file, an (entity, day) at most one row, a compaction changes no row;
 *  - what a slot has seen, (generation, position), only rises, also where it was emptied, and nothing leaves without heir;
 *  - complete days only rise, and a complete day has all its slots in.
 *
 * Goes on where it stopped, so that a reader can look again and again at little cost.
 */
import type { Action, AddFile, MetaData, RemoveFile, Txn } from '../src/table/delta/actions.ts'
import type { FileReader } from './bucket-reader.ts'
import { missingSlots, type RaisedDays } from './complete-days.ts'
import { FilesRead } from './files-read.ts'
import { haveSameRows, withoutHeirs } from './heirs.ts'
import { checkpointVersions, readCheckpoint } from './table-checkpoint.ts'
import {
  compareVersions,
  isSwapMark,
  parseControl,
  parseEmptiedSlot,
  parseFileName,
  slotName,
  slotsOf,
  tableRows,
  versionText,
  type FileName,
  type TableRow,
  type Version,
} from './table-file.ts'

const KINDS = ['commitInfo', 'protocol', 'metaData', 'txn', 'remove', 'add']

export interface ActiveFile {
  readonly name: FileName
  readonly add: AddFile
  /** Undefined where the file was vacuumed before it was looked at. */
  readonly rows: readonly TableRow[] | undefined
}

export interface TableReplayOptions {
  /** Called after every version. */
  readonly each?: (replay: TableReplay) => void
  /** Whether the publish of a generation leaves a place as it is, since its replay has not closed that day there. */
  readonly leaves?: (generation: number, place: Pick<FileName, 'ds' | 'partition'>) => boolean
}

export class TableReplay {
  readonly table: string
  readonly problems: string[] = []
  /** By path. */
  readonly files = new Map<string, ActiveFile>()
  /** What each slot has seen. */
  readonly seen = new Map<string, Version>()
  /** Partition -> last complete day. */
  readonly complete = new Map<number, number>()
  readonly transactions = new Map<string, Txn>()
  metaData: MetaData | undefined
  version = -1
  /** The version that the log begins with, for who reads it now: below 0, or a checkpoint. */
  begun = -1
  readonly #storage: FileReader
  readonly #each: (replay: TableReplay) => void
  readonly #leaves: NonNullable<TableReplayOptions['leaves']>
  /** Complete days that the version at hand has raised. */
  #raised: RaisedDays[] = []
  /** Of the last publish or rollback, of this generation or of one before that is carried out late; 0: none. */
  swapped = 0
  #isSwap = false
  /** Versions of the log, and files that are active. */
  readonly #read: FilesRead
  /** Paths ever named. */
  readonly #named = new Set<string>()
  /** Key of each row -> path of its file. */
  readonly #keys = new Map<string, string>()

  constructor(
    storage: FileReader,
    table: string,
    { each = () => undefined, leaves = () => false }: TableReplayOptions = {},
  ) {
    this.#storage = storage
    this.#read = new FilesRead(storage)
    this.table = table
    this.#each = each
    this.#leaves = leaves
  }

  /** Up to the newest version that is there. */
  async advance(): Promise<void> {
    if (this.version < 0) await this.#begin()
    for (;;) {
      const bytes = await this.#read.read(this.#path(this.version + 1))
      if (bytes === undefined) return
      this.version += 1
      const lines = Buffer.from(bytes).toString('utf8').split('\n')
      if (lines.at(-1) !== '') this.#tell('the commit does not end with a line break')
      await this.#apply(this.#parse(lines.slice(0, -1)))
      this.#each(this)
    }
  }

  /** What was read and is not there any more as it was: a file that is active, a version of the log. */
  async changes(): Promise<string[]> {
    const at = `${this.table} version ${this.version}`
    const missing = [...this.files].filter(([, { rows }]) => rows === undefined)
    return [
      ...missing.map(([path]) => `${at}: ${path} counts, but there is no such file`),
      ...(await this.#read.changes()).map((problem) => `${at}: ${problem}`),
    ]
  }

  /** Where old commits are cleaned up, at the oldest checkpoint that the log goes on from. */
  async #begin(): Promise<void> {
    if ((await this.#storage.stat(this.#path(0))) !== undefined) return
    const checkpoints = await checkpointVersions(this.#storage, this.table)
    for (const [i, version] of checkpoints.entries()) {
      const goesOn = (await this.#storage.stat(this.#path(version + 1))) !== undefined
      if (!goesOn && i < checkpoints.length - 1) continue
      await this.#apply(await readCheckpoint(this.#storage, this.table, version))
      this.version = this.begun = version
      // Files of older generations and of the same version are nothing wrong here.
      this.problems.length = 0
      return
    }
  }

  #path(version: number): string {
    return `${this.table}/_delta_log/${String(version).padStart(20, '0')}.json`
  }

  get generation(): number {
    return Number(this.#setting('tidemark.generation'))
  }

  get sortedBy(): string[] {
    return JSON.parse(this.#setting('tidemark.sortedBy') ?? '[]') as string[]
  }

  #setting(name: string): string | undefined {
    return this.metaData?.configuration[name]
  }

  #tell(problem: string): void {
    this.problems.push(`${this.table} version ${this.version}: ${problem}`)
  }

  #parse(lines: readonly string[]): Action[] {
    return lines.flatMap((line) => {
      try {
        const action = JSON.parse(line) as Action
        const kinds = Object.keys(action)
        if (kinds.length === 1 && KINDS.includes(kinds[0] ?? '')) return [action]
      } catch {
        // Told below.
      }
      this.#tell(`no action: ${line.slice(0, 100)}`)
      return []
    })
  }

  async #apply(actions: readonly Action[]): Promise<void> {
    const adds = actions.flatMap(({ add }) => add ?? [])
    const removes = actions.flatMap(({ remove }) => remove ?? [])
    const txns = actions.flatMap(({ txn }) => txn ?? [])
    this.#isSwap = txns.some(({ appId }) => isSwapMark(this.table, appId))
    for (const { metaData } of actions) if (metaData) this.#setMetaData(metaData)
    if (this.metaData === undefined) this.#tell('the log does not begin with its metadata')
    const gone = removes.flatMap((remove) => this.#remove(remove) ?? [])
    const come: ActiveFile[] = []
    for (const add of adds) come.push(...(await this.#add(add)))
    const emptied = txns.flatMap((txn) => this.#setTransaction(txn) ?? [])
    for (const problem of withoutHeirs(this.#toInherit(gone, txns), come, emptied))
      this.#tell(problem)
    if (actions.some(({ commitInfo }) => commitInfo?.['operation'] === 'OPTIMIZE'))
      if (!haveSameRows(gone, come)) this.#tell('a compaction changes rows')
    if (!this.table.endsWith('__tiles'))
      for (const raised of this.#raised)
        for (const problem of missingSlots(this.files.values(), this.seen, raised))
          this.#tell(problem)
    this.#raised = []
  }

  /** What a swap takes away of its own days is of a generation that writes no more. */
  #toInherit(gone: readonly ActiveFile[], txns: readonly Txn[]): readonly ActiveFile[] {
    const mark = txns.find(({ appId }) => isSwapMark(this.table, appId))
    if (mark === undefined) return gone
    return gone.filter(({ name }) => this.#leaves(mark.version, name))
  }

  #setMetaData(metaData: MetaData): void {
    const before = this.metaData && this.generation
    this.metaData = metaData
    if (before !== undefined && !(this.generation >= before))
      this.#tell(`the generation goes from ${before} to ${this.generation}`)
  }

  #remove({ path }: RemoveFile): ActiveFile | undefined {
    const file = this.files.get(path)
    if (file === undefined) {
      this.#tell(`removes ${path}, which is not active`)
      return undefined
    }
    this.files.delete(path)
    this.#read.forget(`${this.table}/${path}`)
    for (const { key } of file.rows ?? []) {
      if (this.#keys.get(key) === path) this.#keys.delete(key)
    }
    return file
  }

  async #add(add: AddFile): Promise<ActiveFile[]> {
    const { path } = add
    if (this.#named.has(path)) this.#tell(`adds ${path} a second time`)
    this.#named.add(path)
    const name = parseFileName(path)
    if (name === undefined) {
      this.#tell(`adds ${path}, which is no name of a data file`)
      return []
    }
    if (add.partitionValues['ds'] !== name.ds) this.#tell(`${path} is of another day than it says`)
    const isLater = name.generation > this.generation
    if (isLater || (name.generation < this.generation && !this.#isSwap))
      this.#tell(`adds ${path} while the table is at generation ${this.generation}`)
    const bytes = await this.#read.read(`${this.table}/${path}`)
    const file = { name, add, rows: bytes && this.#rows(add, name, bytes) }
    this.#checkSlots(path, name)
    for (const { key } of file.rows ?? []) {
      const other = this.#keys.get(key)
      if (other !== undefined) this.#tell(`${key} is in ${other} and in ${path}`)
      this.#keys.set(key, path)
    }
    this.files.set(path, file)
    return [file]
  }

  #rows(add: AddFile, name: FileName, bytes: Uint8Array): readonly TableRow[] {
    if (bytes.length !== add.size)
      this.#tell(`${add.path} has ${bytes.length} bytes, not ${add.size}`)
    const rows = tableRows(bytes, name, this.sortedBy)
    const { numRecords } = JSON.parse(add.stats ?? '{}') as { readonly numRecords?: number }
    if (numRecords !== rows.length)
      this.#tell(`${add.path} has ${rows.length} rows, not ${numRecords}`)
    return rows
  }

  /** Each slot of the file has no other file, and has seen nothing as high. */
  #checkSlots(path: string, name: FileName): void {
    const slots = slotsOf(name)
    for (const [other, { name: taken }] of this.files) {
      if (taken.ds !== name.ds || taken.partition !== name.partition) continue
      if (slots.some((slot) => slotsOf(taken).includes(slot)))
        this.#tell(`${other} and ${path} are active for one slot`)
    }
    for (const slot of slots) this.#raise({ ...name, slot }, name, path)
  }

  #raise(slot: { ds: string; partition: number; slot: number }, to: Version, by: string): void {
    const name = slotName(slot)
    const seen = this.seen.get(name)
    if (seen !== undefined && compareVersions(to, seen) <= 0)
      this.#tell(`slot ${name} goes from ${versionText(seen)} to ${versionText(to)} by ${by}`)
    this.seen.set(name, to)
  }

  /** @returns the slot that it remembers as emptied, if it does */
  #setTransaction(txn: Txn): string | undefined {
    const { appId, version } = txn
    const before = this.transactions.get(appId)
    this.transactions.set(appId, txn)
    if (isSwapMark(this.table, appId)) {
      if (version <= (before?.version ?? 0)) this.#tell(`swapped twice for generation ${version}`)
      this.swapped = version
      return undefined
    }
    const partition = parseControl(this.table, appId)
    if (partition !== undefined) {
      const known = this.complete.get(partition) ?? -Infinity
      // A record that is dropped had closed days before their time: a publish takes that back.
      if (version < known && !this.#isSwap)
        this.#tell(`complete days of partition ${partition} go from ${known} to ${version}`)
      this.complete.set(partition, version)
      this.#raised.push({ partition, before: known, day: version })
      return undefined
    }
    const emptied = parseEmptiedSlot(this.table, appId)
    if (emptied === undefined) {
      this.#tell(`no application of ours: ${appId}`)
      return undefined
    }
    this.#raise(emptied, { generation: emptied.generation, position: version }, appId)
    return slotName(emptied)
  }
}
