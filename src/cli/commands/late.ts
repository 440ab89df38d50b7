/** `tidemark late`: records that came after the allowed lateness. They changed no value; the ledger keeps them. */
import { Command } from 'commander'
import { formatDay } from '../../core/day.ts'
import { position } from '../../core/event.ts'
import type { Reject } from '../../engine/ports.ts'
import { action, definePipelineCommand, wholeNumber } from '../command.ts'
import { openLate, topicOf } from '../compose.ts'
import { instantOrNull, plural } from '../words.ts'

interface ListOptions {
  readonly limit: number
}

export function lateCommand(): Command {
  return new Command('late')
    .summary('records that came too late')
    .description(
      'Records that came after the allowed lateness: they changed no value, and are kept with their bytes.',
    )
    .addCommand(listCommand())
}

function listCommand(): Command {
  return definePipelineCommand('list', {
    summary: 'the late ledger: which days and entities they would have reached',
    examples: [['tidemark late list --limit 5', 'the first five, and how many there are']],
  })
    .option('--limit <count>', 'records to show', wholeNumber, 20)
    .action(
      action<ListOptions>(async (call) => {
        const { options, json, out } = call
        const pipeline = await call.pipeline()
        const topic = topicOf(pipeline)
        const shown: Reject[] = []
        let count = 0
        for await (const reject of openLate(pipeline, call)) {
          count += 1
          if (shown.length < options.limit) shown.push(reject)
        }
        const rows = shown.map((reject) => lateData(topic, reject))
        if (json) out.json({ count, records: rows })
        else if (count === 0) out.line('no record came too late')
        else {
          out.table(
            ['POSITION', 'EVENT TIME', 'DAY', 'ENTITIES'],
            rows.map((row) => [
              row.position,
              row.eventTime ?? '-',
              row.day ?? '-',
              entitiesText(row),
            ]),
          )
          out.line(`\n${plural(count, 'record')} came too late`)
        }
      }),
    )
}

function lateData(topic: string, { partition, offset, eventTime, late, message }: Reject): LateRow {
  return {
    position: position(topic, partition, offset),
    eventTime: instantOrNull(eventTime),
    day: late ? formatDay(late.day) : null,
    entities: late?.entities ?? [],
    message,
  }
}

interface LateRow {
  readonly position: string
  readonly eventTime: string | null
  readonly day: string | null
  readonly entities: readonly { readonly view: string; readonly entity: string }[]
  readonly message: string
}

function entitiesText({ entities }: LateRow): string {
  return entities.map(({ view, entity }) => `${view} ${entity}`).join(', ')
}
