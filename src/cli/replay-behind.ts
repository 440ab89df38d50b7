/**
 * How far a replay that hands its states over is behind the log: so much owners have to read before they have caught up. Running it again
 * before it is published takes that upon the replay, while the consumer goes on.
 */
import type { Replay } from '../replay/records.ts'
import { standingOf } from '../replay/standing.ts'
import { readRecords } from '../engine/hand-over.ts'
import type { Call } from './command.ts'
import { openSource } from './compose.ts'
import type { OpenedParts } from './compose.ts'
import { spansOfLog } from './log-spans.ts'
import type { LogSpans } from './log-spans.ts'
import type { OpenReplays } from './open-replays.ts'
import { speedOf } from './replay-cost.ts'
import { runPlannedReplay } from './replay-run.ts'
import type { ReplayRunWishes } from './replay-run.ts'
import { countWords, durationWords } from './words.ts'

export interface Behind {
  readonly partitions: readonly { readonly partition: number; readonly records: number }[]
  readonly records: number
  /** At the speed of the last replays. */
  readonly seconds: number
  /** Running it again reads on; undefined where the plan reads nothing of the log. */
  readonly readsOn: boolean
}

interface Opened {
  readonly open: OpenReplays
  readonly opened: OpenedParts
}

/** Undefined where nothing is handed over, or nothing was run to its end. @throws SOURCE_*, KAFKA_* */
export async function behindOf(
  call: Call<unknown>,
  { open, opened }: Opened,
  replay: Replay,
): Promise<Behind | undefined> {
  if (!replay.plan.handsOver || replay.result === undefined) return undefined
  const spans = await spansOfLog(opened.add(openSource(open.pipeline, call)), call.clock)
  const { recordsPerSecond } = speedOf(await open.replays.list())
  return behindLog(replay, spans, recordsPerSecond)
}

/** Where offsets are bytes records are estimated, by the size of a sample. */
export function behindLog(
  { plan, result }: Pick<Replay, 'plan' | 'result'>,
  spans: LogSpans,
  recordsPerSecond: number,
): Behind {
  const partitions = (result?.partitions ?? []).map(({ partition, offset }) => {
    const span = spans[partition]
    const rest = Math.max(0, (span?.end ?? offset) - offset)
    const bytes = span?.unit === 'bytes' ? Math.max(1, span.recordBytes) : 1
    return { partition, records: Math.ceil(rest / bytes) }
  })
  const records = partitions.reduce((sum, each) => sum + each.records, 0)
  const readsOn = plan.partitions.some(({ start }) => start.kind !== 'live')
  return { partitions, records, seconds: records / recordsPerSecond, readsOn }
}

const TOLD_MAX = 8

/** Undefined where there is nothing to tell. */
export function behindWords({ plan: { id } }: Replay, behind: Behind): string | undefined {
  const { partitions, records, seconds, readsOn } = behind
  if (records === 0) return undefined
  const far = partitions
    .filter((each) => each.records > 0)
    .toSorted((a, b) => b.records - a.records)
    .slice(0, TOLD_MAX)
    .map((each) => `partition ${each.partition} ${countWords(each.records)}`)
  const more = partitions.length > TOLD_MAX ? ' ...' : ''
  const way = readsOn
    ? `\`tidemark replay publish ${id} --catch-up\` lets it read them first`
    : 'plan it again to begin with the present states'
  return (
    `It ended ${countWords(records)} records before what is the end of the log now (${far.join(', ')}${more}): owners read them again before they go on, ` +
    `about ${durationWords(Math.ceil(seconds) * 1_000)} at the speed of the last replays; ${way}.`
  )
}

/** Runs on to the present end of the log what is not published yet, and is behind. False: it was stopped before that. */
export async function catchUp(
  call: Call<unknown>,
  { open, opened }: Opened,
  id: string,
  wishes: ReplayRunWishes,
): Promise<boolean> {
  const replay = await open.replays.get(id)
  if (standingOf(replay, await readRecords(open.generations)).kind !== 'run') return true
  const behind = await behindOf(call, { open, opened }, replay)
  if (behind === undefined || behind.records === 0 || !behind.readsOn) return true
  const result = await runPlannedReplay(call, { replays: open, opened }, replay, wishes)
  if (result !== undefined) {
    call.tell(
      `caught up: about ${countWords(behind.records)} records that had come since were read`,
    )
    return true
  }
  call.tell(
    `stopped before it had caught up; \`tidemark replay run ${id}\` goes on from there. Nothing was published`,
  )
  call.fail(1)
  return false
}
