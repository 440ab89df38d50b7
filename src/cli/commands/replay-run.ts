/** `tidemark replay run`: a planned replay recomputed to the side, while the live consumer goes on. */
import os from 'node:os'
import type { Command } from 'commander'
import { Pace, parseHours } from '../../replay/pace.ts'
import type { ReplayPlan } from '../../replay/plan.ts'
import type { ReplayResult } from '../../replay/records.ts'
import { action, definePipelineCommand, wholeNumber } from '../command.ts'
import type { Call } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { replayDirectory } from '../open-replay-run.ts'
import { openReplays } from '../open-replays.ts'
import { rejectsOf, runPlannedReplay } from '../replay-run.ts'
import { countWords, dayOrNull, dayWords, durationWords, plural } from '../words.ts'

interface ReplayRunOptions {
  readonly parallel?: number
  readonly workers?: number
  readonly recordsPerSecond?: number
  readonly window?: string
  readonly nice: boolean
}

/** Behind whatever else wants the machine, a live consumer above all. */
const LOW_PRIORITY = 10

export function replayRunCommand(): Command {
  return definePipelineCommand('run', {
    summary: 'recompute a planned replay to the side',
    description:
      'Reads what the plan says and writes tables to the side; what is live is only read. Stopped or killed, it goes on where it stood ' +
      'when it is run again, and comes to the same values. It runs at a low priority, so that a live consumer on this machine comes first.',
    examples: [
      ['tidemark replay run 20260105T120000Z-a1b2c3', 'all partitions, up to four at once'],
      [
        'tidemark replay run 20260105T120000Z-a1b2c3 --records-per-second 20000 --window 22:00-06:00',
        "slowly, and at night (in the pipeline's time zone)",
      ],
    ],
  })
    .argument('<id>', 'of a replay: `tidemark replay list` shows them')
    .option('--parallel <partitions>', 'partitions at once (default: all, up to 4)', wholeNumber)
    .option(
      '--workers <processes>',
      'processes that share the partitions (default: one per core where there is much to read, from a million records on; else one per two)',
      wholeNumber,
    )
    .option(
      '--records-per-second <records>',
      'read no faster, all partitions together',
      wholeNumber,
    )
    .option('--window <hours>', "read only then: 02:00-06:00, in the pipeline's time zone")
    .option('--no-nice', 'run at the usual priority')
    .action(action<ReplayRunOptions, [id: string]>(run, { logs: true }))
}

async function run(call: Call<ReplayRunOptions>, id: string): Promise<void> {
  const { options, clock, out } = call
  const hours = options.window === undefined ? undefined : parseHours(options.window)
  // Threads that are started later take it over: this comes first.
  if (options.nice && os.getPriority() < LOW_PRIORITY) os.setPriority(LOW_PRIORITY)
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const replays = await openReplays(pipeline, opened, call)
  const { plan } = await replays.replays.get(id)
  const { zone } = pipeline.time
  const { parallel, workers, recordsPerSecond } = options
  const limits = {
    zone,
    ...(recordsPerSecond === undefined ? {} : { recordsPerSecond }),
    ...(hours === undefined ? {} : { hours }),
  }
  const pace = new Pace(clock, limits)
  if (pace.hoursWaitMs > 0 && hours) {
    call.tell(
      `allowed hours are ${hours.text} ${zone}; waiting ${durationWords(pace.hoursWaitMs)} for them`,
    )
  }
  const wishes = { pace: limits, parallel, workers, signal: interrupt.signal }
  const result = await runPlannedReplay(call, { replays, opened }, { plan }, wishes)
  if (result === undefined) {
    if (call.json) out.json({ replay: id, reason: 'stopped' })
    call.tell(`stopped before its end; \`tidemark replay run ${id}\` goes on from there`)
    call.fail(1)
  } else if (call.json) {
    out.json({ replay: id, reason: 'done', ...resultData(result) })
  } else {
    printResult(call, plan, { result, rejectsIn: `${replayDirectory(pipeline, id)}/rejects` })
  }
}

function printResult(
  { out, tell }: Call<unknown>,
  { id }: ReplayPlan,
  { result, rejectsIn }: { readonly result: ReplayResult; readonly rejectsIn: string },
): void {
  const records = recordsOf(result)
  const rejects = Object.entries(rejectsOf(result))
  out.line(
    `${plural(records, 'record')} of ${plural(result.partitions.length, 'partition')} in ${durationWords(result.seconds * 1_000)} ` +
      `(${countWords(records / Math.max(0.001, result.seconds))} records/s); ` +
      (rejects.length === 0
        ? 'none rejected'
        : `rejected: ${rejects.map(([name, count]) => `${name} ${countWords(count)}`).join(', ')} (in ${rejectsIn})`),
  )
  out.table(
    ['STAGED', 'FIRST DAY', 'LAST DAY', 'ROWS', 'FILES', 'CHECKSUM'],
    result.tables.map(({ name, days, rows, files, checksum }) => [
      name,
      dayWords(days?.first),
      dayWords(days?.last),
      countWords(rows),
      countWords(files),
      checksum.slice(0, 16),
    ]),
  )
  tell(`next: \`tidemark replay diff ${id}\` compares it with what is live`)
}

function resultData(result: ReplayResult): object {
  const { run, seconds, partitions, tables } = result
  return {
    run,
    seconds,
    records: recordsOf(result),
    rejects: rejectsOf(result),
    partitions: partitions.map(({ closedDay, ...rest }) => {
      return { ...rest, closedDay: dayOrNull(closedDay) }
    }),
    tables: tables.map(({ days, ...rest }) => {
      return {
        ...rest,
        days: days ? { first: dayOrNull(days.first), last: dayOrNull(days.last) } : null,
      }
    }),
  }
}

function recordsOf({ partitions }: ReplayResult): number {
  return partitions.reduce((sum, { records }) => sum + records, 0)
}
