/** Tables in memory as a replay sees them: the tiles of the pipeline that it may begin with, and what it has staged. */
import { createHash } from 'node:crypto'
import type { Value } from '../../src/core/value.ts'
import type { MemoryTables } from '../../src/memory/tables.ts'
import type { TileTables } from '../../src/replay/load-tiles.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import type { StagedTable } from '../../src/replay/records.ts'
import { tablesOf } from '../../src/replay/table-names.ts'

export function tilesIn(tables: MemoryTables): TileTables {
  return {
    firstDay: (view, partition) => {
      const rows = tables.rows(`${view.tableName}__tiles`)
      const days = rows.filter((each) => each.partition === partition).map(({ day }) => day)
      return Promise.resolve(days.length === 0 ? undefined : Math.min(...days))
    },
    async *rows(view, partition, day) {
      const rows = tables
        .rows(`${view.tableName}__tiles`)
        .filter((each) => each.partition === partition && each.day === day)
      await Promise.resolve()
      yield rows.map(({ row, generation }) => ({
        entity: view.entityColumns.map(({ name }) => row.get(name) as Value),
        offset: Number(row.get('_offset')),
        tile: row.get('_tile') as Uint8Array,
        generation,
      }))
    },
  }
}

export function stagedIn(tables: MemoryTables, { views }: ReplayPlan): StagedTable[] {
  return views.flatMap(tablesOf).map((name) => {
    const rows = tables.rows(name).map(({ day, partition, row }) => {
      const values = [...row].filter(([column]) => column !== '_known_at' && column !== '_run')
      return JSON.stringify([day, partition, values.map(([, value]) => cellText(value))])
    })
    const checksum = createHash('sha256').update(rows.sort().join('\n')).digest('hex')
    return { name, days: undefined, files: 0, rows: rows.length, checksum }
  })
}

function cellText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'bigint') return `${value}n`
  return Object.is(value, -0) ? '-0' : JSON.stringify(value)
}
