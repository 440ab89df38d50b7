/** Another writer of a table: it takes the next version of the log with a commit that changes nothing, as any Delta writer may. */
import { tableNames } from './tables.ts'
import type { World } from './world.ts'

/** Logs of tables are short here: a checkpoint comes as often as it can. */
export const CHECKPOINT_EVERY = 10

export function rivalCommit(world: World): void {
  const { tables, pipeline, chance } = world
  const table = chance.pick(tableNames(pipeline))
  const folder = `${table}/_delta_log/`
  const versions = [...tables.contents.keys()].filter(
    (path) => path.startsWith(folder) && /\/\d{20}\.json$/.test(path),
  )
  if (versions.length === 0) return
  append(world, `${folder}${String(versions.length).padStart(20, '0')}.json`)
}

function append({ tables, wallMs, trace, coverage }: World, path: string): void {
  if (tables.contents.has(path)) return
  const commitInfo = { timestamp: Math.floor(wallMs), operation: 'RIVAL', operationParameters: {} }
  const bytes = Buffer.from(`${JSON.stringify({ commitInfo })}\n`)
  tables.contents.set(path, { bytes, modifiedMs: Math.floor(wallMs) })
  trace.note('rival', `commits ${path}`)
  coverage.hit('path rival commit in the table log')
}
