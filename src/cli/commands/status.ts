/** `tidemark status`: where each partition stands and what its open day waits for. */
import type { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { gatherStatus } from '../status.ts'
import { statusData, printStatus } from '../status-text.ts'

export function statusCommand(): Command {
  return definePipelineCommand('status', {
    summary: 'where each partition stands, and what its open day waits for',
    description:
      'Position, lag, watermark and closed day of each partition, in words when its open day will close; dead letters by reason, ' +
      'the last complete day of each table, a publish or rollback that has not come to its end, who else is in the group, and whether times in the future are refused. Works beside a run, and ' +
      'without the brokers.',
    examples: [
      ['tidemark status', 'for people'],
      ['tidemark status --json | jq .partitions[].lag', 'for machines'],
    ],
  }).action(
    action(async (call) => {
      const status = await gatherStatus(await call.pipeline(), call)
      if (call.json) call.out.json(statusData(status))
      else printStatus(call.out, status)
    }),
  )
}
