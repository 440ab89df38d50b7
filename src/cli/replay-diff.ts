/**
 * `tidemark replay diff`: what a replay would change, looked at and written down. Nothing of the live consumer or of the tables
 * is touched.
 */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { writeValues } from '../duckdb/row-differences.ts'
import { TidemarkError } from '../errors.ts'
import { isEqual, summaryOf } from '../replay/comparison.ts'
import type { ViewDifference } from '../replay/comparison.ts'
import type { Replay } from '../replay/records.ts'
import type { Call } from './command.ts'
import { OpenedParts } from './compose.ts'
import { openReplays } from './open-replays.ts'
import type { OpenReplays } from './open-replays.ts'
import { compareView } from './replay-compare.ts'
import type { ComparedView } from './replay-compare.ts'
import { diffData } from './replay-diff-data.ts'
import { tellDiff } from './replay-diff-text.ts'

export interface DiffOptions {
  readonly view?: string
  readonly sample: number
  readonly to?: string
}

export async function replayDiff(call: Call<DiffOptions>, id: string): Promise<void> {
  const { options } = call
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const open = await openReplays(pipeline, opened, call)
  const replay = await open.replays.get(id)
  const views = await diffReplay(call, open, replay, { ...options, signal: interrupt.signal })
  if (views === undefined) {
    call.tell('stopped; the same command compares anew')
    call.fail(1)
    return
  }
  if (call.json) call.out.json(diffData(replay, views))
  else tellDiff(call, replay, views)
  if (options.to !== undefined) call.tell(`all differences are in ${options.to}`)
  if (!views.every(isEqual)) call.fail(1)
}

export interface DiffRequest extends DiffOptions {
  readonly signal: AbortSignal
}

/** All views of the replay, or one; noted in its audit trail. Undefined: stopped. @throws USAGE, TABLE_* */
export async function diffReplay(
  call: Call<unknown>,
  open: OpenReplays,
  replay: Replay,
  { view, sample, to, signal }: DiffRequest,
): Promise<readonly ViewDifference[] | undefined> {
  const titles = titlesOf(replay, view)
  const workspace = await mkdtemp(path.join(open.scratch, 'diff-'))
  using progress = call.progress('diff')
  try {
    const compared: ComparedView[] = []
    const tables = {
      database: open.database,
      live: open.tables,
      staged: open.staged(replay.plan.id),
    }
    for (const [index, title] of titles.entries()) {
      const options = {
        workspace,
        sampleRows: sample,
        signal,
        onProgress: (done: number, total: number, words: string): void => {
          progress.update(index + done / total, titles.length, words)
        },
      }
      compared.push(await compareView(replay, title, tables, options))
    }
    if (to !== undefined) await writeAll(open, compared, to)
    const views = compared.map(({ difference }) => difference)
    await open.replays.audit(replay.plan.id, {
      ...open.stamp(`compared with what is live`),
      did: 'diff',
      details: { equal: views.every(isEqual), views: views.map(summaryOf) },
    })
    return views
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  } finally {
    await rm(workspace, { recursive: true, force: true })
  }
}

function titlesOf({ plan, result }: Replay, view: string | undefined): readonly string[] {
  if (result === undefined) {
    throw new TidemarkError(
      'USAGE',
      `replay ${plan.id} has not come to its end, so there is nothing to compare yet. \`tidemark replay run ${plan.id}\` runs it, or goes on`,
    )
  }
  if (view === undefined) return plan.views
  const found = plan.views.filter((title) => title === view || title.split('@')[0] === view)
  if (found.length > 0) return found
  throw new TidemarkError(
    'USAGE',
    `--view: replay ${plan.id} has no ${view}; it has ${plan.views.join(', ')}`,
  )
}

/** Under its name when it is whole. */
async function writeAll(
  { database }: OpenReplays,
  compared: readonly ComparedView[],
  to: string,
): Promise<void> {
  const target = path.resolve(to)
  const unfinished = `${target}.tmp`
  const views = compared.map(({ difference: { view, columns }, paths }) => ({
    view,
    columns,
    paths,
  }))
  try {
    await mkdir(path.dirname(target), { recursive: true })
    await writeValues(database, views, unfinished)
    await rename(unfinished, target)
  } catch (cause) {
    await rm(unfinished, { force: true })
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('USAGE', `--to: cannot write ${target}: ${reason}`, { cause })
  }
}
