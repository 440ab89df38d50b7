/**
 * Vacuum: deletes files that no reader within the grace time can need, and old pieces of the log.
 *
 * First the cut-off is recorded in the log, then files are deleted by what the log says afterwards. A transaction whose
 * files were staged before the cut-off either stands before it in the log, then its files are active here, or comes after,
 * then it sees the cut-off and writes them anew. Staging times are read from file names on both sides, so that no clock or
 * file system can make the two disagree.
 */
import { TidemarkError } from '../errors.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { existing, type DeltaTable } from './delta-table.ts'
import { parseDataFilePath } from './file-name.ts'
import { checkOwned, SETTING, vacuumCutoff, withSetting } from './ownership.ts'
import { STAGING_FOLDER, type StoredFile } from '../storage/object-storage.ts'

export interface VacuumRequest {
  /** Readers and staged files may be as old as this. */
  readonly graceMs: number
  /** Commits older than this may go once a checkpoint holds them; time travel ends there. */
  readonly logRetentionMs: number
}

export interface VacuumResult {
  readonly cutoffMs: number
  /** Files of versions that were replaced, and staged files that were never committed. */
  readonly deleted: readonly StoredFile[]
  /** Files in the table's days that are not named by us; never touched. */
  readonly foreign: readonly string[]
  readonly logFilesDeleted: number
}

/** A running query or a slow writer needs some time; less would be a way to lose rows. */
export const GRACE_MS_MIN = 60_000

export async function vacuumTable(
  table: DeltaTable,
  request: VacuumRequest,
): Promise<VacuumResult> {
  if (!(request.graceMs >= GRACE_MS_MIN)) {
    throw new TidemarkError(
      'USAGE',
      `vacuum: a grace time of ${request.graceMs} ms is too short: readers that run now would lose files under their ` +
        `hands. Give at least ${GRACE_MS_MIN / 1000}s; a week is usual.`,
    )
  }
  const cutoffMs = await recordCutoff(table, table.options.clock.wallMs() - request.graceMs)
  const { storage } = table.options
  const present = await storage.list(`${table.name}/ds=`)
  const { doomed, foreign } = await table.log.latest((snapshot) =>
    sortOut(table, existing(table, snapshot), { present, cutoffMs }),
  )
  const leftovers = (await storage.list(`${STAGING_FOLDER}/`)).filter(
    (file) => file.modifiedMs < cutoffMs,
  )
  const deleted = [...doomed, ...leftovers]
  for (const { path } of deleted) await storage.delete(path)
  return { cutoffMs, deleted, foreign, logFilesDeleted: await trimLog(table, request) }
}

/** The cut-off only rises. */
async function recordCutoff(table: DeltaTable, wanted: number): Promise<number> {
  await table.log.commit((current) => {
    const snapshot = existing(table, current)
    checkOwned(table.name, snapshot)
    const metaData = withSetting(snapshot.metaData, SETTING.vacuumCutoff, String(wanted))
    return {
      operation: 'VACUUM START',
      parameters: { cutoff: new Date(wanted).toISOString() },
      actions: vacuumCutoff(snapshot) < wanted ? [{ metaData }] : [],
    }
  })
  return table.log.latest((snapshot) => vacuumCutoff(existing(table, snapshot)))
}

function sortOut(
  table: DeltaTable,
  snapshot: Snapshot,
  { present, cutoffMs }: { readonly present: readonly StoredFile[]; readonly cutoffMs: number },
): { doomed: StoredFile[]; foreign: string[] } {
  const doomed: StoredFile[] = []
  const foreign: string[] = []
  for (const file of present) {
    const path = file.path.slice(table.name.length + 1)
    if (snapshot.isActive(path)) continue
    const name = parseDataFilePath(path)
    if (!name) foreign.push(file.path)
    // A file that was removed counts from its removal; one that the log does not know, from its staging.
    else if ((snapshot.removal(path)?.deletionTimestamp ?? name.stagedMs) < cutoffMs)
      doomed.push(file)
  }
  return { doomed, foreign }
}

/** Oldest first, so that a stop leaves no gap behind what is kept. */
async function trimLog(table: DeltaTable, { logRetentionMs }: VacuumRequest): Promise<number> {
  const { storage, clock } = table.options
  await table.log.checkpoint()
  const keepFrom = (await table.log.checkpoints()).at(-1) ?? 0
  const before = clock.wallMs() - logRetentionMs
  let deleted = 0
  for (const file of await storage.list(`${table.log.folder}/`)) {
    const version = /\/(\d{20})\.(?:json|checkpoint\.parquet)$/.exec(file.path)?.[1]
    if (version === undefined) continue
    if (Number(version) >= keepFrom || file.modifiedMs >= before) break
    await storage.delete(file.path)
    deleted++
  }
  return deleted
}
