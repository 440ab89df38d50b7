/** What a publish and a rollback do to tables: the adapter of `PublicationTables` over Delta tables, live ones and those of replays. */
import type { PublicationTables, Swap, SwapOrder } from '../replay/publication-port.ts'
import type { DeltaTableStore } from '../table/delta-table.ts'
import { statsRows } from '../table/stats.ts'
import { TableSwap } from '../table/swap.ts'
import type { SwapRequest } from '../table/swap-plan.ts'
import { missingFiles, sourceBefore, stagedSource } from '../table/swap-sources.ts'

interface ReplayedTables {
  readonly tables: DeltaTableStore
  /** Of a replay, in `stagingFolder` beside the live ones. */
  readonly staged: (id: string) => DeltaTableStore
}

/** Beside the tables, hidden from their readers. */
export function stagingFolder(id: string): string {
  return `_tidemark/replays/${id}`
}

export function openPublicationTables({ tables, staged }: ReplayedTables): PublicationTables {
  return {
    versions: async (names) => {
      const known = await Promise.all(
        names.map(async (name) => {
          const version = await tables.table(name).log.latest((snapshot) => snapshot?.version)
          return version === undefined ? [] : [[name, version] as const]
        }),
      )
      return Object.fromEntries(known.flat())
    },
    staged: async (replay, name) => {
      const source = staged(replay).table(name)
      const exists = await source.log.latest((snapshot) => snapshot !== undefined)
      if (!exists) return undefined
      const { files, rows } = await stagedSource(source, stagingFolder(replay), () => true)
      return { files: files.length, rows }
    },
    publish: async (order) => {
      const { table, replay, covers } = order
      const folder = stagingFolder(replay)
      const source = await stagedSource(staged(replay).table(table), folder, covers)
      return swapOf(tables, order, { ...source, operation: 'REPLAY PUBLISH' })
    },
    restore: async (order, before) => {
      const source = await sourceBefore(tables.table(order.table), before, order.covers)
      if (source === undefined) return undefined
      const { complete } = source
      return swapOf(tables, { ...order, complete }, { ...source, operation: 'REPLAY ROLLBACK' })
    },
    raise: (order) =>
      swapOf(tables, order, { metaData: undefined, want: () => [], operation: 'REPLAY PUBLISH' }),
  }
}

async function swapOf(
  tables: DeltaTableStore,
  order: SwapOrder,
  source: Pick<SwapRequest, 'metaData' | 'want' | 'operation'>,
): Promise<Swap> {
  const table = tables.table(order.table)
  const swap = new TableSwap(table, { ...order, ...source })
  const wanted = await swap.wanted()
  const files = wanted.flatMap((place) => place.files)
  return {
    table: order.table,
    files: files.length,
    rows: files.reduce((sum, { stats }) => sum + statsRows(stats), 0),
    missing: () => missingFiles(table, wanted),
    prepare: () => swap.prepare(),
    commit: () => swap.commit(),
    discard: () => swap.discard(),
  }
}
