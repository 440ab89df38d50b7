/**
 * From amendments to the plan of the replay that brings them in. The bytes of accepted records are stored first, those of earlier
 * amendments among them: no generation's record ever names what is not kept.
 */
import type { Amendment } from '../core/generation.ts'
import { acceptedOf } from '../engine/amended-port.ts'
import type { KeptRecord } from '../engine/amended-port.ts'
import { readRecords } from '../engine/hand-over.ts'
import { TidemarkError } from '../errors.ts'
import { AmendedFiles } from '../storage/amended-records.ts'
import type { Call } from './command.ts'
import type { OpenedParts } from './compose.ts'
import { makePlan } from './make-plan.ts'
import type { MadePlan } from './make-plan.ts'
import type { OpenReplays } from './open-replays.ts'

export interface AmendOptions {
  readonly reason: string
  readonly start?: string
  readonly allowIncomplete?: true
}

export interface Amending {
  /** Beside those that hold already. */
  readonly added: readonly Amendment[]
  /** The bytes of those that are accepted. */
  readonly records: readonly KeptRecord[]
  /** As it was typed. */
  readonly request: string
}

/** @throws what planning a replay throws; TABLE_REFUSED where bytes of earlier amendments are missing */
export async function planAmendments(
  call: Call<AmendOptions>,
  open: OpenReplays,
  opened: OpenedParts,
  { added, records, request }: Amending,
): Promise<MadePlan> {
  const kept = await keptSoFar(open)
  if (records.length > 0) await new AmendedFiles(open.storage).put([...kept, ...records])
  const { reason, start, allowIncomplete } = call.options
  const options = {
    ...common(call),
    reason,
    ...(start === undefined ? {} : { start }),
    ...(allowIncomplete === undefined ? {} : { allowIncomplete }),
  }
  return makePlan({ ...call, options }, open, opened, { amendments: added, request })
}

function common({ options: { json, debug, file } }: Call<AmendOptions>): Call<object>['options'] {
  return {
    ...(json === undefined ? {} : { json }),
    ...(debug === undefined ? {} : { debug }),
    ...(file === undefined ? {} : { file }),
  }
}

async function keptSoFar({ storage, generations }: OpenReplays): Promise<readonly KeptRecord[]> {
  const accepted = acceptedOf(await amendmentsSoFar({ generations }))
  if (accepted.length === 0) return []
  const files = new AmendedFiles(storage)
  const kept = await files.get(accepted)
  if (kept !== undefined) return kept
  throw new TidemarkError(
    'TABLE_REFUSED',
    `the bytes of ${accepted.length} late records that were accepted earlier are missing: ${files.place(accepted)}. Nothing was planned. Bring that file back from a copy`,
  )
}

/** Those of the newest generation. */
export async function amendmentsSoFar({
  generations,
}: Pick<OpenReplays, 'generations'>): Promise<readonly Amendment[]> {
  return (await readRecords(generations)).at(-1)?.amendments ?? []
}

const POSITION = /^(.+)\[(\d{1,6})\]@(\d{1,16})$/

/** `topic[partition]@offset`. @throws USAGE */
export function parsePosition(
  typed: string,
  topic: string,
): { readonly partition: number; readonly offset: number } {
  const [, name, partition, offset] = POSITION.exec(typed.trim()) ?? []
  if (name === undefined || partition === undefined || offset === undefined)
    throw usage(`expected a position such as ${topic}[0]@1234, received ${JSON.stringify(typed)}`)
  if (name !== topic) throw usage(`${typed} is of ${name}; this pipeline reads ${topic}`)
  return { partition: Number(partition), offset: Number(offset) }
}

export function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', message)
}
