/**
 * A preview: the last records through the very engine that `run` uses, on a state, an online store and dead letters that
 * live in memory and are gone afterwards. Windows see only the sample, so values are smaller than they will be.
 */
import type { Pipeline, ViewDefinition } from '../core/definition.ts'
import { compareText } from '../core/text.ts'
import { planViews } from '../core/view-plan.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { RunSummary } from '../engine/parts.ts'
import type { Clock, Log, OnlineValue, RecordSource } from '../engine/ports.ts'
import type { Reject, RejectSink } from '../engine/reject-port.ts'
import { runPipeline } from '../engine/run-pipeline.ts'
import { openDecoder } from './compose.ts'
import { MemoryGenerations } from '../memory/generations.ts'
import { MemoryOnlineStore } from '../memory/online-store.ts'
import { MemoryPartitionState } from '../memory/state.ts'
import { sampledSource } from './sample.ts'
import type { SamplePart } from './sample.ts'

export interface Preview {
  readonly summary: RunSummary
  readonly views: readonly ViewPreview[]
  readonly rejects: readonly Reject[]
}

export interface ViewPreview {
  readonly view: ViewPlan
  readonly entities: number
  /** Those with the newest events, newest first. */
  readonly values: readonly OnlineValue[]
}

export interface PreviewRequest {
  readonly source: RecordSource
  readonly parts: readonly SamplePart[]
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** Values per view. */
  readonly valuesMax: number
}

export async function previewPipeline(
  pipeline: Pipeline,
  { source, parts, clock, log, signal, valuesMax }: PreviewRequest,
): Promise<Preview> {
  const shown = previewed(pipeline)
  const online = new MemoryOnlineStore(() => clock.wallMs())
  const rejects: Reject[] = []
  const summary = await runPipeline(
    {
      pipeline: shown,
      source: sampledSource(source, parts),
      decoder: openDecoder(shown, { clock, log }),
      lease: undefined,
      openState: () => MemoryPartitionState.open(),
      peekState: () => Promise.resolve(undefined),
      restoreState: () => Promise.reject(new Error('there are no checkpoints here')),
      checkpoints: undefined,
      online,
      tables: undefined,
      handOvers: undefined,
      generations: new MemoryGenerations(),
      rejects: keepIn(rejects),
      clock,
      log,
      run: 'preview',
      zoneData: 'unknown',
    },
    { untilEnd: true, signal },
  )
  const views: ViewPreview[] = []
  for (const view of planViews(shown)) {
    const values = await valuesOf(online, view, parts.length)
    values.sort(byNewestEvent)
    views.push({ view, entities: values.length, values: values.slice(0, valuesMax) })
  }
  return { summary, views, rejects }
}

/**
 * A sample rarely closes a day, so all views show today's values so far; and a file that rejects everything is just what
 * a preview is for.
 */
function previewed(pipeline: Pipeline): Pipeline {
  const views = pipeline.views.map((view): ViewDefinition => ({ ...view, online: 'current' }))
  return { ...pipeline, views, rejects: { ...pipeline.rejects, limit: 1 }, sinks: {} }
}

function keepIn(kept: Reject[]): RejectSink {
  return {
    write: (rejects) => {
      kept.push(...rejects)
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

const PAGE = 10_000

async function valuesOf(
  online: MemoryOnlineStore,
  { onlineName }: ViewPlan,
  partitions: number,
): Promise<OnlineValue[]> {
  const found: OnlineValue[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    let cursor: string | undefined
    do {
      const page = await online.walk(onlineName, partition, cursor, PAGE)
      found.push(...page.values)
      cursor = page.next
    } while (cursor !== undefined)
  }
  return found
}

function byNewestEvent(a: OnlineValue, b: OnlineValue): number {
  return (b.eventTime ?? 0) - (a.eventTime ?? 0) || compareText(a.entity, b.entity)
}
