/** `tidemark online`: the online store, looked after. */
import { Command, InvalidArgumentError } from 'commander'
import { action, definePipelineCommand, partitionNumber } from '../command.ts'
import { rebuildOnlineStore } from '../online-rebuild.ts'
import type { RebuildOptions } from '../online-rebuild.ts'

const VALUES_PER_SECOND = 20_000

export function onlineCommand(): Command {
  return new Command('online')
    .summary('fill a lost online store again')
    .description(
      'The online store holds nothing that the states do not: what it loses is told again.',
    )
    .addCommand(rebuild())
}

function rebuild(): Command {
  return definePipelineCommand('rebuild', {
    summary: 'tell the online store every value again',
    description:
      'A run finds out by itself within seconds that its store has lost everything; this is for values that went missing one by one (evicted, ' +
      'deleted), for a store that is to be filled before a run starts, and at a pace that you choose. It works beside the consumer, from a copy of ' +
      'each state on this machine; nothing newer is overwritten and nothing is deleted. Partitions whose states are on other machines are filled by ' +
      'the processes that hold them, at their own pace.',
    examples: [
      ['tidemark online rebuild', 'all partitions'],
      ['tidemark online rebuild --values-per-second 2000', 'beside heavy traffic'],
      ['tidemark online rebuild --from table', 'no state is left: the last complete day'],
    ],
  })
    .option('--partition <number>', 'only this one; all by default', partitionNumber)
    .option('--from <source>', 'state, or table: rows of the last complete day', 'state')
    .option('--values-per-second <number>', 'at most', valuesPerSecond, VALUES_PER_SECOND)
    .action(action<RebuildOptions>((call) => rebuildOnlineStore(call)))
}

function valuesPerSecond(typed: string): number {
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed)
  throw new InvalidArgumentError('Expected a whole number above 0.')
}
