/**
 * Plain copies of tables follow a publish and a rollback: days that changed are exported anew in every copy that is known and can be
 * reached from here. One that cannot is told of, with the command that mends it.
 */
import type { Replay } from '../replay/records.ts'
import { StoredExports } from '../storage/exports.ts'
import type { KnownExport } from '../storage/exports.ts'
import { exportedDays, exportTable } from '../table/export.ts'
import { planViews } from '../core/view-plan.ts'
import type { Call } from './command.ts'
import type { OpenReplays } from './open-replays.ts'
import { plural } from './words.ts'

type Open = Pick<OpenReplays, 'pipeline' | 'storage' | 'tables'>

/** Those of views whose rows the replay changes. */
export async function exportsOf(
  { storage }: Pick<Open, 'storage'>,
  { views }: Pick<Replay['plan'], 'views'>,
): Promise<KnownExport[]> {
  const known = await new StoredExports(storage).list()
  return known.filter(({ view }) => views.includes(view))
}

/** What is published stands, also where a copy cannot follow. */
export async function followWithExports(
  { tell }: Pick<Call<unknown>, 'tell'>,
  open: Open,
  { plan }: Pick<Replay, 'plan'>,
): Promise<void> {
  for (const known of await exportsOf(open, plan)) {
    const { view, directory, host } = known
    const name = planViews(open.pipeline).find(({ title }) => title === view)
    const present = new Set(await exportedDays(directory))
    if (name === undefined || present.size === 0) {
      tell(
        `${directory} on ${host} has a copy of ${view} that does not follow from here: ${again(known)}`,
      )
      continue
    }
    const { first, last } = plan.staged
    const isFinal = (day: number): boolean => present.has(day) && day >= first && day <= last
    try {
      const table = open.tables.table(name.tableName)
      const { written, removed } = await exportTable(table, { directory, isFinal })
      const changed = written.length + removed.length
      if (changed > 0)
        tell(`${directory}: ${plural(changed, 'day')} of the copy of ${view} followed`)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      tell(`${directory}: the copy of ${view} did not follow (${why}): ${again(known)}`)
    }
  }
}

function again({ view, directory }: KnownExport): string {
  return `\`tidemark table export ${view} --to ${directory}\``
}
