/** What rows and tiles of some days and views differ from what the oracle says of them: a line each. */
import type { Pipeline, ViewDefinition } from '../../src/core/definition.ts'
import { sinkDifferences, type ActualSinks } from './compare-sinks.ts'
import { recompute } from './oracle.ts'
import type { OracleResult } from './oracle.ts'
import type { RawPartition } from './raw-record.ts'

const DIFFERENCES_MAX = 12

export interface StagedPart {
  readonly isStaged: (row: { readonly day: number; readonly partition: number }) => boolean
  /** All by default. */
  readonly isWritten?: (view: ViewDefinition) => boolean
}

export function stagedDifferences(
  pipeline: Pipeline,
  partitions: readonly RawPartition[],
  part: StagedPart,
  actual: Pick<ActualSinks, 'rows' | 'tiles'>,
): string {
  return differencesFrom(recompute(pipeline, partitions), part, actual)
}

export function differencesFrom(
  oracle: OracleResult,
  { isStaged, isWritten = () => true }: StagedPart,
  actual: Pick<ActualSinks, 'rows' | 'tiles'>,
): string {
  const views = oracle.views.map((one) => ({
    ...one,
    rows: isWritten(one.view) ? one.rows.filter(isStaged) : [],
    tiles: isWritten(one.view) ? one.tiles.filter(isStaged) : [],
    online: [],
  }))
  const sinks = { ...actual, online: new Map(), rejects: [] }
  return sinkDifferences({ ...oracle, rejects: [], views }, sinks)
    .slice(0, DIFFERENCES_MAX)
    .join('\n')
}
