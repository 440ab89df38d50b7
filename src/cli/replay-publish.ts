/** A replay published, or a publish taken back: asked, done with its progress on the terminal, told. */
import { planViews } from '../core/view-plan.ts'
import type { TableChange } from '../replay/carry-out.ts'
import type { GateResult } from '../replay/gates.ts'
import { regroupedBy } from '../replay/plan.ts'
import type { ReplayPlan } from '../replay/plan.ts'
import { publishReplay } from '../replay/publish.ts'
import type { PublishOutcome, PublishPreview } from '../replay/publish.ts'
import { rollBack } from '../replay/rollback.ts'
import type { RollbackOutcome, RollbackPreview } from '../replay/rollback.ts'
import type { Call } from './command.ts'
import type { OpenedParts } from './compose.ts'
import { confirm } from './confirm.ts'
import { openPublication } from './open-publication.ts'
import type { OpenReplays } from './open-replays.ts'
import { followWithExports } from './follow-exports.ts'
import { behindOf, behindWords, catchUp } from './replay-behind.ts'
import type { Behind } from './replay-behind.ts'
import { judgeReplay } from './replay-gates.ts'
import { lockReplay } from './replay-lock.ts'
import { countWords, dayWords, plural } from './words.ts'

export interface PublishWishes {
  /** By default that of the plan. */
  readonly reason: string | undefined
  readonly force: boolean
  /** Runs it on to the present end of the log first. */
  readonly catchUp: boolean
  readonly dryRun: boolean
  /** Ends what was killed and cannot come to its end, since files are gone. */
  readonly abandon: boolean
  /** Do not ask. */
  readonly yes: boolean
}

interface Opened {
  readonly open: OpenReplays
  readonly opened: OpenedParts
}

/** Tells what came of it on stdout, and fails where it was declined; undefined: stopped before it had caught up. @throws USAGE, REPLAY_REFUSED, TABLE_*, CHECKPOINT_* */
export async function publishPlanned(
  call: Call<unknown>,
  { open, opened }: Opened,
  id: string,
  { reason, force, catchUp: catchesUp, dryRun, abandon, yes }: PublishWishes,
): Promise<PublishOutcome | undefined> {
  if (catchesUp && !dryRun && !(await caughtUp(call, { open, opened }, id))) return undefined
  await using _ = await lockReplay(open.pipeline, id, 'published')
  const replay = await open.replays.get(id)
  const { plan } = replay
  let behind: Behind | undefined
  using progress = call.progress('publish')
  const views = planViews(open.pipeline)
  const outcome = await publishReplay(openPublication(open, opened, call), id, {
    stamp: open.stamp(reason ?? plan.audit.reason),
    force,
    dryRun,
    abandon,
    gates: (replay) =>
      judgeReplay(replay, views, {
        database: open.database,
        live: open.tables,
        staged: open.staged(id),
        onProgress: (done, total) =>
          progress.update(done, total, `${countWords(done)} rows looked at`),
      }),
    confirm: async (preview) => {
      if (!yes) printPublish(call, preview)
      behind = await behindOf(call, { open, opened }, replay)
      const words = behind && behindWords(replay, behind)
      if (words !== undefined) call.tell(words)
      return confirm(call, 'Publish?', { yes })
    },
    onProgress: (table, copied, files) =>
      progress.update(copied, files, `files of ${table} copied`),
  })
  if (outcome.kind === 'published' || outcome.kind === 'finished')
    await followWithExports(call, open, { plan })
  if (outcome.kind === 'dry run') {
    behind = await behindOf(call, { open, opened }, replay)
    const words = behind && behindWords(replay, behind)
    if (words !== undefined) call.tell(words)
  }
  if (call.json) call.out.json({ replay: id, ...publishData(outcome), behind: behind ?? null })
  else tellPublished(call, plan, outcome)
  if (outcome.kind === 'declined') call.fail(1)
  return outcome
}

async function caughtUp(call: Call<unknown>, parts: Opened, id: string): Promise<boolean> {
  using interrupt = call.interrupt()
  const pace = { zone: parts.open.pipeline.time.zone }
  const { signal } = interrupt
  const wishes = { pace, parallel: undefined, workers: undefined, signal }
  return await catchUp(call, parts, id, wishes)
}

export interface RollbackWishes {
  readonly reason: string
  readonly dryRun: boolean
  /** Ends what was killed and cannot come to its end, since files are gone. */
  readonly abandon: boolean
  readonly yes: boolean
}

/** @param id undefined: the newest publish. @throws USAGE, REPLAY_REFUSED, TABLE_*, CHECKPOINT_* */
export async function takeBackPublished(
  call: Call<unknown>,
  { open, opened }: Opened,
  id: string | undefined,
  { reason, dryRun, abandon, yes }: RollbackWishes,
): Promise<RollbackOutcome> {
  using progress = call.progress('rollback')
  const outcome = await rollBack(openPublication(open, opened, call), id, {
    stamp: open.stamp(reason),
    dryRun,
    abandon,
    confirm: (preview) => {
      if (!yes) printRollback(call, preview)
      return confirm(call, 'Take it back?', { yes })
    },
    onProgress: (table, copied, files) =>
      progress.update(copied, files, `files of ${table} copied`),
  })
  if (outcome.kind === 'rolled back' || outcome.kind === 'finished')
    await followWithExports(call, open, await open.replays.get(outcome.replay))
  if (call.json) call.out.json(rollbackData(outcome))
  else tellRolledBack(call, outcome)
  if (outcome.kind === 'declined') call.fail(1)
  return outcome
}

function printPublish(call: Call<unknown>, preview: PublishPreview): void {
  const { replay, generation, handOver, gates, tables } = preview
  const { first, last } = replay.plan.staged
  const closed = replay.result?.partitions.map(({ closedDay }) => closedDay ?? -Infinity) ?? []
  const days = `${dayWords(first)} to ${dayWords(Math.min(last, Math.max(...closed)))}`
  call.tell(`replay ${replay.plan.id} would become generation ${generation}: rows of ${days}`)
  for (const { table, files, rows } of tables.filter((each) => each.files > 0))
    call.tell(`  ${table}: ${plural(rows, 'row')} in ${plural(files, 'file')}`)
  for (const gate of gates) call.tell(`  ${gate.passed ? 'passed' : 'FAILED'} ${gate.message}`)
  call.tell(
    handOver === 'states'
      ? 'Owners of partitions take its states over, and tell the online store what they say.'
      : 'Owners of partitions go on with their own states; the online store stays as it is.',
  )
}

function printRollback(call: Call<unknown>, preview: RollbackPreview): void {
  const { replay, published, generation, tables, definitionsChange } = preview
  call.tell(
    `generation ${published} (replay ${replay.plan.id}) would be taken back by generation ${generation}`,
  )
  for (const { table, files, rows } of tables.filter((each) => each.files > 0))
    call.tell(`  ${table}: ${plural(rows, 'row')} in ${plural(files, 'file')} come back`)
  if (definitionsChange) call.tell(DEFINITIONS_CHANGE)
}

const DEFINITIONS_CHANGE =
  'The pipeline file has to say again what it said before: with the present one the consumer refuses to start (DEFINITION_CHANGED).'

function tellPublished(call: Call<unknown>, plan: ReplayPlan, outcome: PublishOutcome): void {
  const { out, tell } = call
  const { id } = plan
  switch (outcome.kind) {
    case 'published':
    case 'finished':
      out.line(
        outcome.kind === 'published'
          ? `replay ${id} is generation ${outcome.generation}`
          : `replay ${id} is generation ${outcome.generation}: what an earlier publish had begun was carried out`,
      )
      printTables(call, outcome.tables)
      tell(
        regroupedBy(plan)
          ? 'start the consumer again: it goes on with the new partitions, and this cannot be taken back'
          : `consumers take it over within seconds; \`tidemark replay rollback ${id}\` takes it back`,
      )
      break
    case 'published before':
      out.line(`replay ${id} is generation ${outcome.generation} already; nothing was changed`)
      break
    case 'dry run':
      printPublish({ ...call, tell: (text) => out.line(text) }, outcome.preview)
      break
    case 'declined':
      tell('nothing was changed')
  }
}

function tellRolledBack(call: Call<unknown>, outcome: RollbackOutcome): void {
  const { out, tell } = call
  switch (outcome.kind) {
    case 'rolled back':
    case 'finished':
      out.line(
        `generation ${outcome.published} (replay ${outcome.replay}) is taken back by generation ${outcome.generation}`,
      )
      printTables(call, outcome.tables)
      if (outcome.definitionsChange) tell(DEFINITIONS_CHANGE)
      break
    case 'rolled back before':
      out.line(
        `replay ${outcome.replay} was taken back by generation ${outcome.generation} already; nothing was changed`,
      )
      break
    case 'dry run':
      printRollback({ ...call, tell: (text) => out.line(text) }, outcome.preview)
      break
    case 'declined':
      tell('nothing was changed')
  }
}

function printTables({ out, tell }: Call<unknown>, tables: readonly TableChange[]): void {
  out.table(
    ['TABLE', 'VERSION', 'FILES IN', 'FILES OUT'],
    tables.map(({ table, version, filesIn, filesOut }) => [
      table,
      version === undefined ? '-' : String(version),
      countWords(filesIn),
      countWords(filesOut),
    ]),
  )
  for (const { table, left } of tables.filter((each) => each.left !== undefined))
    tell(
      `${table}: days from ${dayWords(left?.first)} to ${dayWords(left?.last)} stay as they are, for their files are gone; count them again: \`tidemark replay plan\``,
    )
}

function publishData(outcome: PublishOutcome): object {
  if (outcome.kind !== 'dry run') return { ...outcome, outcome: outcome.kind, kind: undefined }
  const { generation, handOver, gates, tables } = outcome.preview
  return { outcome: 'dry run', generation, handOver, gates: gateData(gates), tables }
}

function gateData(gates: readonly GateResult[]): readonly object[] {
  return gates.map(({ view, gate, column, passed, message }) => ({
    view,
    gate,
    column: column ?? null,
    passed,
    message,
  }))
}

function rollbackData(outcome: RollbackOutcome): object {
  if (outcome.kind !== 'dry run') return { ...outcome, outcome: outcome.kind, kind: undefined }
  const { replay, ...rest } = outcome.preview
  return { outcome: 'dry run', replay: replay.plan.id, ...rest }
}
