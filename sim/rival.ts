/** Another writer of a table: it takes the next version of the log with a commit that changes nothing, as any Delta writer may. */
import { CHECKPOINT_EVERY } from '../src/table/delta/log.ts'
import { tableNames } from './tables.ts'
import type { World } from './world.ts'

export function rivalCommit(world: World): void {
  const { tables, pipeline, chance, plan } = world
  const table = chance.pick(tableNames(pipeline))
  const folder = `${table}/_delta_log/`
  const versions = [...tables.contents.keys()].filter(
    (path) => path.startsWith(folder) && /\/\d{20}\.json$/.test(path),
  )
  if (versions.length === 0) return
  // Now and then right up to where the next commit writes a checkpoint of the log.
  const count = chance.happens(
    plan.deaths.has('table checkpoint') || plan.deaths.has('table pointer') ? 0.5 : 0.1,
  )
    ? CHECKPOINT_EVERY - (versions.length % CHECKPOINT_EVERY)
    : 1
  for (let i = 0; i < count; i += 1)
    append(world, `${folder}${String(versions.length + i).padStart(20, '0')}.json`)
}

function append({ tables, wallMs, trace, coverage }: World, path: string): void {
  if (tables.contents.has(path)) return
  const commitInfo = { timestamp: Math.floor(wallMs), operation: 'RIVAL', operationParameters: {} }
  const bytes = Buffer.from(`${JSON.stringify({ commitInfo })}\n`)
  tables.contents.set(path, { bytes, modifiedMs: Math.floor(wallMs) })
  trace.note('rival', `commits ${path}`)
  coverage.hit('path rival commit in the table log')
}
