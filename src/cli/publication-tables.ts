/** What a publish and a rollback do to tables: the adapter of `PublicationTables` over Delta tables, live ones and those of replays. */
import { TidemarkError } from '../errors.ts'
import type { PublicationTables, Swap, SwapOrder } from '../replay/publication-port.ts'
import type { Place } from '../replay/staged.ts'
import type { DeltaTable, DeltaTableStore } from '../table/delta-table.ts'
import { statsRows } from '../table/stats.ts'
import { TableSwap } from '../table/swap.ts'
import type { SwapRequest } from '../table/swap-plan.ts'
import { missingFiles, placesOf, sourceBefore, stagedSource } from '../table/swap-sources.ts'

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
      const version = await source.log.latest((snapshot) => snapshot?.version)
      if (version === undefined) return undefined
      const { files, rows } = await stagedSource(source, stagingFolder(replay), () => true)
      return { files: files.length, rows, version }
    },
    publish: async (order) => {
      const { table, replay, covers } = order
      const folder = stagingFolder(replay)
      const staging = staged(replay).table(table)
      const source = await unlessGone(order, () => stagedSource(staging, folder, covers))
      return swapOf(tables, order, { ...source, operation: 'REPLAY PUBLISH' })
    },
    restore: async (order, before) => {
      const table = tables.table(order.table)
      const source = await unlessGone(order, () => sourceBefore(table, before, order))
      return source && swapOf(tables, order, { ...source, operation: 'REPLAY ROLLBACK' })
    },
    raise: (order) =>
      swapOf(tables, order, { metaData: undefined, want: () => [], operation: 'REPLAY PUBLISH' }),
  }
}

/** Nothing comes in, and all places stay. */
const GONE = { metaData: undefined, want: (): [] => [], isGone: true } as const

/** @throws TABLE_REFUSED where the log or the staging table that it comes from is gone, unless that is to be passed over */
async function unlessGone<T>(
  { leavesGone }: SwapOrder,
  find: () => Promise<T>,
): Promise<T | typeof GONE> {
  try {
    return await find()
  } catch (error) {
    const isGone = error instanceof TidemarkError && error.code === 'TABLE_REFUSED'
    if (leavesGone && isGone) return GONE
    throw error
  }
}

type Source = Pick<SwapRequest, 'metaData' | 'want' | 'operation' | 'complete'> & {
  readonly isGone?: boolean
}

async function swapOf(
  tables: DeltaTableStore,
  order: SwapOrder,
  { want, isGone = false, metaData, operation, complete }: Source,
): Promise<Swap> {
  const table = tables.table(order.table)
  const request = { ...order, metaData, operation, ...(complete ? { complete } : {}) }
  const left = await leftPlaces(table, order, { request: { ...request, want }, isGone })
  const swap = new TableSwap(table, {
    ...request,
    want: (snapshot) => want(snapshot).filter((place) => !left.has(keyOf(place))),
  })
  const wanted = await swap.wanted()
  const files = wanted.flatMap((place) => place.files)
  return {
    table: order.table,
    files: files.length,
    rows: files.reduce((sum, { stats }) => sum + statsRows(stats), 0),
    left: [...left.values()],
    missing: () => missingFiles(table, wanted),
    prepare: () => swap.prepare(),
    commit: () => swap.commit(),
    discard: () => swap.discard(),
  }
}

async function leftPlaces(
  table: DeltaTable,
  { leavesGone, covers }: SwapOrder,
  { request, isGone }: { readonly request: SwapRequest; readonly isGone: boolean },
): Promise<ReadonlyMap<string, Place>> {
  if (!leavesGone) return new Map()
  const left = isGone
    ? await placesOf(table, covers)
    : await missingFiles(table, await new TableSwap(table, request).wanted())
  return new Map(left.map(({ day, partition }) => [keyOf({ day, partition }), { day, partition }]))
}

function keyOf({ day, partition }: Place): string {
  return `${day}/${partition}`
}
