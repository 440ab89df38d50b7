/** `tidemark run`: the log into features, until it is told to stop or the end of the log is reached. */
import type { Command } from 'commander'
import type { Pipeline } from '../../core/definition.ts'
import { runPipeline } from '../../engine/run-pipeline.ts'
import type { RunOptions, RunProgress } from '../../engine/parts.ts'
import { TidemarkError } from '../../errors.ts'
import { action, definePipelineCommand } from '../command.ts'
import type { Call } from '../command.ts'
import { OpenedParts, openRunParts } from '../compose.ts'
import type { Interrupt } from '../interrupt.ts'
import { openOperations } from '../operations.ts'
import { sumProgress, summaryLine, totalsOf } from '../run-summary.ts'
import type { ProgressSums, RunTotals } from '../run-summary.ts'
import type { Progress } from '../terminal.ts'
import { countWords, instantWords } from '../words.ts'

interface RunCommandOptions {
  readonly untilEnd?: true
}

export function runCommand(): Command {
  return definePipelineCommand('run', {
    summary: 'fold the log into features, and go on as it grows',
    description:
      'Goes on where the state stands and follows the log; Ctrl-C or SIGTERM commits and leaves within 10 seconds. With ' +
      '--until-end it stops, everything written, at what was the end of the log when it started.',
    examples: [
      ['tidemark run', 'follows the log'],
      ['tidemark run --until-end --json', 'a batch job; prints a summary for machines'],
    ],
  })
    .option('--until-end', 'stop at what is the end of the log now, committed and drained')
    .action(
      action<RunCommandOptions>(
        async (call) => {
          const totals = await run(call)
          if (call.json) call.out.json(totals)
          else call.out.line(summaryLine(totals))
          if (totals.reason === 'stopped') {
            call.tell(
              `stopped at ${totals.positions.join(', ')}; \`tidemark run\` goes on from there`,
            )
          }
        },
        { logs: true },
      ),
    )
}

/** Until it is done; begins again, with everything opened anew, when another generation was published. */
async function run(call: Call<RunCommandOptions>): Promise<RunTotals> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  for (;;) {
    try {
      return await runGeneration(call, pipeline, interrupt)
    } catch (error) {
      // Also where it was told to stop meanwhile: the next round leaves at once, and says so.
      if (!isNewerGeneration(error)) throw error
      call.log.info({}, `${error.message.replace(/ \[\w+\]$/, '')}: taking it over`)
      await call.clock.sleep(TAKE_OVER_MS, interrupt.signal)
    }
  }
}

function isNewerGeneration(error: unknown): error is TidemarkError {
  if (!(error instanceof TidemarkError) || error.code !== 'GENERATION_CHANGED') return false
  const { ownGeneration, newestGeneration } = error.details
  return Number(newestGeneration) > Number(ownGeneration)
}

async function runGeneration(
  call: Call<RunCommandOptions>,
  pipeline: Pipeline,
  interrupt: Interrupt,
): Promise<RunTotals> {
  await using opened = new OpenedParts()
  const parts = await openRunParts(pipeline, opened, call)
  const watch = await openOperations(parts, opened)
  const untilEnd = call.options.untilEnd === true
  call.log.info({ pipeline: pipeline.name, run: parts.run, untilEnd }, `${pipeline.name}: starting`)
  using progress = call.progress(pipeline.name)
  const show = showProgress(call, progress, untilEnd)
  const options: RunOptions = {
    untilEnd,
    signal: interrupt.signal,
    onProgress: (now) => {
      watch(now)
      show(now)
    },
  }
  const summary = await runPipeline(parts, options)
  return totalsOf(summary, parts.source.topic)
}

/** So that a record which is not to be seen everywhere yet makes no busy loop. */
const TAKE_OVER_MS = 500
const HEARTBEAT_MS = 60_000

/** A bar or lines while there is something to catch up with; once live, a line a minute. */
function showProgress(
  { clock, log, terminal }: Call<RunCommandOptions>,
  progress: Progress,
  untilEnd: boolean,
): (progress: RunProgress) => void {
  const startedMs = clock.monotonicMs()
  let followsSinceMs: number | undefined
  let toldRecords = 0
  return (partitions) => {
    const sums = sumProgress(partitions)
    const { done, total, records, watermark, phases } = sums
    const now = clock.monotonicMs()
    if (!untilEnd && phases.size === 1 && phases.has('live')) {
      if (followsSinceMs === undefined) {
        terminal.clear()
        log.info({ records }, 'at the end of the log; following it, Ctrl-C stops')
      } else if (now - followsSinceMs >= HEARTBEAT_MS && records > toldRecords) {
        log.info({ records, watermark: watermark ?? null }, 'following the log')
      } else return
      followsSinceMs = now
      toldRecords = records
      return
    }
    if (followsSinceMs !== undefined) return
    progress.update(done, total, progressWords(sums, now - startedMs))
  }
}

function progressWords(
  { records, watermark, phases, dirtySlots }: ProgressSums,
  ms: number,
): string {
  const read = `${countWords(records)} records`
  if (phases.size === 1 && phases.has('draining')) {
    return `${read}, writing what is left${dirtySlots > 0 ? ` (${countWords(dirtySlots)} slots)` : ''}`
  }
  const speed = countWords((records / Math.max(1, ms)) * 1000)
  const time = watermark === undefined ? '' : `, watermark ${instantWords(watermark)}`
  return `${read}, ${speed}/s${time}`
}
