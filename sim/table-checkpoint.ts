/** Checkpoints of a table's log: what they say must be what the log up to their version says. */
import type { Action, MetaData, Txn } from '../src/table/delta/actions.ts'
import type { FileReader } from './bucket-reader.ts'
import {
  compareVersions,
  parseControl,
  parseEmptiedSlot,
  slotName,
  type Version,
} from './table-file.ts'

/** Ascending. */
export async function checkpointVersions(storage: FileReader, table: string): Promise<number[]> {
  const files = await storage.list(`${table}/_delta_log/`)
  return files.flatMap(({ path }) => {
    const version = /\/(\d{20})\.checkpoint\.parquet$/.exec(path)?.[1]
    return version === undefined ? [] : [Number(version)]
  })
}

export async function readCheckpoint(
  storage: FileReader,
  table: string,
  version: number,
): Promise<Action[]> {
  const name = String(version).padStart(20, '0')
  const bytes = await storage.get(`${table}/_delta_log/${name}.checkpoint.parquet`)
  return JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as Action[]
}

/** What `_last_checkpoint` names must be there: other readers of Delta tables begin with it. */
export async function pointerProblems(storage: FileReader, table: string): Promise<string[]> {
  const bytes = await storage.get(`${table}/_delta_log/_last_checkpoint`)
  if (bytes === undefined) return []
  const { version } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
    readonly version: number
  }
  const versions = await checkpointVersions(storage, table)
  if (versions.includes(version)) return []
  return [`${table}: _last_checkpoint names version ${version}, which has no checkpoint`]
}

/** A table at some version of its log. */
interface Replayed {
  readonly table: string
  readonly generation: number
  readonly metaData: MetaData | undefined
  /** By path. */
  readonly files: ReadonlyMap<string, unknown>
  readonly seen: ReadonlyMap<string, Version>
  readonly transactions: ReadonlyMap<string, Txn>
}

/** What a checkpoint must hold: the table at its version, without what need not be remembered. */
export interface Expected {
  readonly files: readonly string[]
  readonly configuration: string
  readonly transactions: readonly string[]
}

export function expectedOf(replay: Replayed): Expected {
  return {
    files: [...replay.files.keys()].sort(),
    configuration: JSON.stringify(replay.metaData?.configuration),
    transactions: [...replay.transactions.values()]
      .filter((txn) => mustBeRemembered(replay, txn))
      .map(transactionText)
      .sort(),
  }
}

export function checkCheckpoint(expected: Expected, actions: readonly Action[]): string[] {
  const files = actions.flatMap(({ add }) => add?.path ?? []).sort()
  const metaData = actions.flatMap((action) => action.metaData ?? [])
  const known = new Set(actions.flatMap(({ txn }) => (txn ? [transactionText(txn)] : [])))
  const problems: string[] = []
  if (JSON.stringify(files) !== JSON.stringify(expected.files))
    problems.push(`has ${files.length} files, the log ${expected.files.length} or others`)
  if (
    metaData.length !== 1 ||
    JSON.stringify(metaData[0]?.configuration) !== expected.configuration
  )
    problems.push('has other settings than the log')
  for (const txn of expected.transactions)
    if (!known.has(txn)) problems.push(`has forgotten ${txn}`)
  return problems
}

/** Control entries always; an emptied slot until a file or a generation outranks it. */
function mustBeRemembered({ table, seen, generation }: Replayed, txn: Txn): boolean {
  if (parseControl(table, txn.appId) !== undefined) return true
  const emptied = parseEmptiedSlot(table, txn.appId)
  if (emptied === undefined || emptied.generation < generation) return false
  const now = seen.get(slotName(emptied))
  const version = { generation: emptied.generation, position: txn.version }
  return now !== undefined && compareVersions(now, version) === 0
}

function transactionText({ appId, version }: Txn): string {
  return `${appId} at ${version}`
}
