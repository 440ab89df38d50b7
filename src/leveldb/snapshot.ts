/**
 * What a store holds at one moment, as files, while writes go on. Nothing is copied: tables never change and logs only grow,
 * so both are hard-linked into a folder of the store's own directory, and of a log only the bytes that it has now
 * belong to the snapshot. MANIFEST does change in meaning as it grows; its bytes are kept in memory, a few KiB.
 *
 * To be taken while no write is under way: then the logs end where the last batch ends.
 */
import { mkdtempSync, statSync, utimesSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import type { StateFile } from '../engine/ports.ts'
import { intoCopy, removeCopy } from './copy.ts'
import { COPY_PREFIX, removeStaleCopies } from './directory.ts'
import { STATE_FAULTS } from './faults.ts'
import { type LiveFiles, linkOrCopy, linkTables, takeLive } from './live-files.ts'

export interface StoreSnapshot extends AsyncDisposable {
  readonly files: readonly StateFile[]
}

/** @throws STATE_DAMAGED where no consistent set of files is found, and errors of the system */
export async function takeSnapshot(directory: string): Promise<StoreSnapshot> {
  removeStaleCopies(directory)
  const { folder, files } = await takeLive(directory, () =>
    intoCopy(mkdtempSync(path.join(directory, COPY_PREFIX)), (target) =>
      snapshotOnce(directory, target),
    ),
  )
  return {
    files,
    [Symbol.asyncDispose]: () => {
      removeCopy(folder)
      return Promise.resolve()
    },
  }
}

/** Undefined where the files changed meanwhile. */
function snapshotOnce(
  directory: string,
  folder: string,
): { readonly folder: string; readonly files: readonly StateFile[] } | undefined {
  const live = linkTables(directory, folder)
  if (live === undefined) return undefined
  const logs = live.logs.map((name) => {
    linkOrCopy(path.join(directory, name), path.join(folder, name))
    return { name, bytes: statSync(path.join(folder, name)).size }
  })
  return { folder, files: filesOf(folder, live, logs) }
}

function filesOf(
  folder: string,
  { current, manifest, tables }: LiveFiles,
  logs: readonly { readonly name: string; readonly bytes: number }[],
): StateFile[] {
  return [
    ...tables.map((table) => linkedFile(folder, table, true)),
    ...logs.map((log) => linkedFile(folder, log, false)),
    heldFile(manifest.name, manifest.bytes),
    heldFile('CURRENT', Buffer.from(current, 'latin1')),
  ]
}

function linkedFile(
  folder: string,
  { name, bytes }: { readonly name: string; readonly bytes: number },
  isFixed: boolean,
): StateFile {
  return { name, bytes, isFixed, read: () => readStart(folder, name, bytes) }
}

function heldFile(name: string, bytes: Buffer): StateFile {
  return { name, bytes: bytes.length, isFixed: false, read: () => Promise.resolve(bytes) }
}

/** The first `bytes` of a file; whoever cleans up sees by its folder's time that it is in use. */
async function readStart(folder: string, name: string, bytes: number): Promise<Uint8Array> {
  try {
    const now = new Date()
    utimesSync(folder, now, now)
    await using file = await open(path.join(folder, name), 'r')
    const buffer = Buffer.allocUnsafe(bytes)
    for (let at = 0; at < bytes;) {
      const { bytesRead } = await file.read(buffer, at, bytes - at, at)
      if (bytesRead === 0) throw new Error(`it ends after ${at} of ${bytes} bytes`)
      at += bytesRead
    }
    return buffer
  } catch (cause) {
    throw STATE_FAULTS.damaged(path.dirname(folder), `its file ${name} cannot be read`, cause)
  }
}
