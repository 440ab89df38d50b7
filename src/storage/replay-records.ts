/**
 * Plans, results and audit trails of replays, beside the records of the generations:
 *
 *     _tidemark/plans/<id>/plan.json              written once
 *     _tidemark/plans/<id>/result.json            replaced by a repeated run
 *     _tidemark/plans/<id>/trail/000001.json ...  each written once, in the order in which things were done
 */
import type { AuditEntry, Replay, ReplayRecords, ReplayResult } from '../replay/records.ts'
import type { ReplayPlan } from '../replay/plan.ts'
import { TidemarkError } from '../errors.ts'
import type { ObjectStorage } from './object-storage.ts'

const FOLDER = '_tidemark/plans'
/** Entries that two processes write at one moment take numbers one after the other. */
const TRAIL_RACES_MAX = 1_000

export class StoredReplays implements ReplayRecords {
  readonly #storage: ObjectStorage

  constructor(storage: ObjectStorage) {
    this.#storage = storage
  }

  async create(plan: ReplayPlan): Promise<void> {
    if (await this.#storage.putIfAbsent(`${folderOf(plan.id)}/plan.json`, jsonBytes(plan))) return
    throw new TidemarkError('USAGE', `there is a replay ${plan.id} already. Plan it again`)
  }

  async list(): Promise<Replay[]> {
    const files = await this.#storage.list(`${FOLDER}/`)
    const ids = files.flatMap(
      ({ path }) => /^[^/]+\/[^/]+\/([^/]+)\/plan\.json$/.exec(path)?.[1] ?? [],
    )
    const found = await Promise.all(ids.sort().map((id) => this.#find(id)))
    return found.filter((replay) => replay !== undefined)
  }

  async get(id: string): Promise<Replay> {
    const found = await this.#find(id)
    if (found) return found
    const known = (await this.list()).map(({ plan }) => plan.id)
    const newest = known.slice(-3).reverse().join(', ')
    const hint = known.length === 0 ? 'There is none yet' : `The newest are ${newest}`
    throw new TidemarkError(
      'USAGE',
      `there is no replay ${id} in ${this.#storage.location}. ${hint}; \`tidemark replay list\` shows all`,
    )
  }

  putResult(id: string, result: ReplayResult): Promise<void> {
    return this.#storage.put(`${folderOf(id)}/result.json`, jsonBytes(result))
  }

  async audit(id: string, entry: AuditEntry): Promise<void> {
    let number = (await this.#storage.list(`${folderOf(id)}/trail/`)).length + 1
    for (let race = 0; race < TRAIL_RACES_MAX; race += 1, number += 1) {
      const path = `${folderOf(id)}/trail/${String(number).padStart(6, '0')}.json`
      if (await this.#storage.putIfAbsent(path, jsonBytes(entry))) return
    }
    throw new TidemarkError(
      'TABLE_UNAVAILABLE',
      `${folderOf(id)}: others write the audit trail all the time. Try again`,
    )
  }

  async #find(id: string): Promise<Replay | undefined> {
    if (!/^[\w-]+$/.test(id)) return undefined
    const plan = await this.#json<ReplayPlan>(`${folderOf(id)}/plan.json`)
    if (plan === undefined) return undefined
    const result = await this.#json<ReplayResult>(`${folderOf(id)}/result.json`)
    const files = await this.#storage.list(`${folderOf(id)}/trail/`)
    const trail = await Promise.all(files.map(({ path }) => this.#json<AuditEntry>(path)))
    return { plan, result, trail: trail.filter((entry) => entry !== undefined) }
  }

  async #json<T>(path: string): Promise<T | undefined> {
    const bytes = await this.#storage.get(path)
    return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as T)
  }
}

function folderOf(id: string): string {
  return `${FOLDER}/${id}`
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)
}
