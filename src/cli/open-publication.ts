/** What publishing and taking back are made of: records, states and tables of a pipeline, and the ends of its log. */
import type { StateSnapshot } from '../engine/ports.ts'
import { STATE_FAULTS } from '../leveldb/faults.ts'
import { holdLock } from '../leveldb/lock.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { TidemarkError } from '../errors.ts'
import type { PublicationParts } from '../replay/publication-port.ts'
import { AmendedFiles } from '../storage/amended-records.ts'
import { newRunId, openSource, stateDirectory } from './compose.ts'
import type { OpenedParts, Surroundings } from './compose.ts'
import { spansOfLog } from './log-spans.ts'
import type { OpenReplays } from './open-replays.ts'
import { openPublicationTables } from './publication-tables.ts'

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
): Promise<StateSnapshot | undefined> {
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
