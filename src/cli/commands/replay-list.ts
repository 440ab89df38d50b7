/** `tidemark replay list`, `show` and `discard`: what replays there are, what became of each, and their leavings. */
import { rmSync } from 'node:fs'
import type { Command } from 'commander'
import { discardReplay } from '../../replay/discard.ts'
import { action, definePipelineCommand } from '../command.ts'
import type { Call } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { confirm } from '../confirm.ts'
import { replayDirectory } from '../open-replay-run.ts'
import { openReplays } from '../open-replays.ts'
import { listReplays, showReplay } from '../replay-list.ts'
import { lockReplay } from '../replay-lock.ts'
import { bytesWords, plural } from '../words.ts'

export function replayListCommand(): Command {
  return definePipelineCommand('list', {
    summary: 'all replays, and what became of them',
    examples: [['tidemark replay list', 'planned, run, published, taken back, discarded']],
  }).action(action((call) => listReplays(call)))
}

export function replayShowCommand(): Command {
  return definePipelineCommand('show', {
    summary: 'one replay: plan, result, and its audit trail',
    description:
      'Who did what, when and why, with which version; positions, counts, checksums, results of validation. Kept for ever.',
    examples: [['tidemark replay show 20260105T120000Z-a1b2c3', 'with `--json`: all of it']],
  })
    .argument('<id>', 'of a replay: `tidemark replay list` shows them')
    .action(action<object, [id: string]>((call, id) => showReplay(call, id)))
}

interface DiscardOptions {
  readonly reason?: string
  readonly yes?: true
}

export function replayDiscardCommand(): Command {
  return definePipelineCommand('discard', {
    summary: 'delete what a replay staged and kept',
    description:
      'Deletes staging tables and states of a replay. One that is not published cannot be published any more, and a publish cannot be taken back ' +
      'afterwards. Plan and audit trail stay, and states that owners may still need.',
    examples: [
      ['tidemark replay discard 20260105T120000Z-a1b2c3', 'says how much, and asks before'],
    ],
  })
    .argument('<id>', 'of a replay: `tidemark replay list` shows them')
    .option('--reason <text>', 'why, for the audit trail', 'not needed any more')
    .option('--yes', 'do not ask')
    .action(action<DiscardOptions, [id: string]>(discard))
}

async function discard(call: Call<DiscardOptions>, id: string): Promise<void> {
  const { reason = '', yes } = call.options
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const open = await openReplays(pipeline, opened, call)
  await using _ = await lockReplay(pipeline, id, 'discarded')
  const discarded = await discardReplay(open, id, {
    stamp: open.stamp(reason),
    confirm: ({ files, bytes, published }) => {
      const lost = published.length > 0 ? 'It cannot be taken back afterwards. ' : ''
      const size = `${plural(files, 'file')} (${bytesWords(bytes)})`
      return confirm(call, `Delete ${size} of replay ${id}? ${lost}`.trim(), { yes: yes === true })
    },
  })
  if (discarded !== undefined)
    rmSync(replayDirectory(pipeline, id), { recursive: true, force: true })
  if (call.json) call.out.json({ replay: id, discarded: discarded ?? null })
  else if (discarded === undefined) call.tell('nothing was changed')
  else {
    const { files, bytes, kept } = discarded
    call.out.line(`replay ${id}: deleted ${plural(files, 'file')} (${bytesWords(bytes)})`)
    for (const place of kept) call.tell(`kept _tidemark/states/${place}: owners may need it`)
  }
  if (discarded === undefined) call.fail(1)
}
