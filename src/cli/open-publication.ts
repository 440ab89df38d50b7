/** What publishing and taking back are made of: records, states and tables of a pipeline, and the ends of its log. */
import type { StateSnapshot } from '../engine/ports.ts'
import { STATE_FAULTS } from '../leveldb/faults.ts'
import { holdLock } from '../leveldb/lock.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { TidemarkError } from '../errors.ts'
import type {
  PublicationParts,
  PublicationTables,
  Swap,
  SwapOrder,
} from '../replay/publication-port.ts'
import { AmendedFiles } from '../storage/amended-records.ts'
import { statsRows } from '../table/stats.ts'
import { TableSwap } from '../table/swap.ts'
import type { SwapRequest } from '../table/swap-plan.ts'
import { missingFiles, sourceBefore, stagedSource } from '../table/swap-sources.ts'
import { newRunId, openSource, stateDirectory } from './compose.ts'
import type { OpenedParts, Surroundings } from './compose.ts'
import { spansOfLog } from './log-spans.ts'
import { stagingFolder } from './open-replays.ts'
import type { OpenReplays } from './open-replays.ts'

export function openPublication(
  open: OpenReplays,
  opened: OpenedParts,
  surroundings: Surroundings,
): PublicationParts {
  const { replays, generations, handOvers, storage, pipeline } = open
  return {
    replays,
    generations,
    handOvers,
    amended: new AmendedFiles(storage),
    tables: openPublicationTables(open),
    reaches: logReach(open, opened, surroundings),
    stateBefore: (partition, generation) =>
      stateBefore(stateDirectory(pipeline, partition), generation),
    run: newRunId(surroundings.clock.wallMs()),
  }
}

/** Asked for when it is needed, once: not every publish reads the log. */
function logReach(
  { pipeline }: OpenReplays,
  opened: OpenedParts,
  surroundings: Surroundings,
): PublicationParts['reaches'] {
  let asked: ReturnType<typeof spansOfLog> | undefined
  const spans = (): ReturnType<typeof spansOfLog> =>
    (asked ??= spansOfLog(opened.add(openSource(pipeline, surroundings)), surroundings.clock))
  return async (partition, offset) => {
    const span = (await spans())[partition]
    return span !== undefined && offset >= span.start
  }
}

/** Held by an owner at work it is not touched: the owner keeps it itself. */
async function stateBefore(
  directory: string,
  generation: number,
): Promise<(StateSnapshot & AsyncDisposable) | undefined> {
  const copy = await openStateCopy(directory)
  const { head } = copy ?? {}
  if (copy === undefined || head === undefined || head.generation >= generation) {
    await copy?.[Symbol.asyncDispose]()
    return undefined
  }
  try {
    await using _ = await holdLock(directory, STATE_FAULTS)
  } catch (error) {
    await copy[Symbol.asyncDispose]()
    if (error instanceof TidemarkError && error.code === 'STATE_LOCKED') return undefined
    throw error
  }
  const snapshot = await copy.snapshot()
  return {
    ...snapshot,
    [Symbol.asyncDispose]: async () => {
      await snapshot[Symbol.asyncDispose]()
      await copy[Symbol.asyncDispose]()
    },
  }
}

export function openPublicationTables({
  tables,
  staged,
}: Pick<OpenReplays, 'tables' | 'staged'>): PublicationTables {
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
      return source && swapOf(tables, order, { ...source, operation: 'REPLAY ROLLBACK' })
    },
    raise: (order) =>
      swapOf(tables, order, { metaData: undefined, want: () => [], operation: 'REPLAY PUBLISH' }),
  }
}

async function swapOf(
  tables: OpenReplays['tables'],
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
