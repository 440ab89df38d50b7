/** `tidemark late`: records that came after the allowed lateness. They changed no value; the ledger keeps them. */
import { Command } from 'commander'
import { formatDay } from '../../core/day.ts'
import { position } from '../../core/event.ts'
import type { Reject } from '../../engine/reject-port.ts'
import { action, definePipelineCommand, wholeNumber } from '../command.ts'
import { addAmendOptions, goOn } from '../amend-steps.ts'
import { amendmentsSoFar, planAmendments } from '../amend.ts'
import type { AmendOptions } from '../amend.ts'
import { OpenedParts, openLate, topicOf } from '../compose.ts'
import { chooseLate } from '../late-heal.ts'
import type { ChosenLate, LateChoice } from '../late-heal.ts'
import { openReplays } from '../open-replays.ts'
import type { StepsOptions } from '../replay-steps.ts'
import { countWords, instantOrNull, plural } from '../words.ts'

interface ListOptions {
  readonly limit: number
}

export function lateCommand(): Command {
  return new Command('late')
    .summary('records that came too late, and how to let them count')
    .description(
      'Records that came after the allowed lateness: they changed no value, and are kept with their bytes until they are healed.',
    )
    .addCommand(listCommand())
    .addCommand(healCommand())
}

type HealOptions = AmendOptions & StepsOptions & LateChoice

function healCommand(): Command {
  const command = definePipelineCommand('heal', {
    summary: 'accept late records: the days that they reach are counted anew, with them',
    description:
      'Makes records of the late ledger count: each is folded when the log closes its day, and so it is in every later rebuild, also when ' +
      'the topic has forgotten it. It is planned as a replay from before the first of these days; nothing changes before that is published.',
    examples: [
      [
        'tidemark late heal --days 2026-01-05..2026-01-09 --reason "an outage of the gateway"',
        'all records of these days that came too late',
      ],
      [
        "tidemark late heal --positions 'shop.events[0]@1234,shop.events[2]@99' --reason 'refunds'",
        'single records',
      ],
    ],
  })
    .option('--days <days>', 'late records of these days: 2026-01-05..2026-01-09, or one day')
    .option('--positions <positions>', 'these records: TOPIC[PARTITION]@OFFSET, joined by commas')
  return addAmendOptions(command).action(
    action<HealOptions>(async (call) => {
      const pipeline = await call.pipeline()
      await using opened = new OpenedParts()
      const open = await openReplays(pipeline, opened, call)
      const chosen = await chooseLate(pipeline, {
        ledger: openLate(pipeline, call),
        choice: call.options,
        before: await amendmentsSoFar(open),
      })
      call.tell(chosenWords(chosen))
      if (chosen.records.length === 0) {
        if (call.json) call.out.json({ accepts: 0, plan: null })
        return
      }
      const request = healRequest(call.options)
      const { amendments: added, records } = chosen
      const made = await planAmendments(call, open, opened, { added, records, request })
      await goOn(call, { open, opened, made })
    }),
  )
}

function healRequest({ days, positions }: LateChoice): string {
  if (days !== undefined) return `late heal --days ${days}`
  return positions === undefined ? 'late heal' : `late heal --positions ${positions}`
}

function chosenWords({ records, accepted, onTime, unused }: ChosenLate): string {
  const passed = [
    ...(accepted > 0 ? [`${countWords(accepted)} were accepted or dropped before`] : []),
    ...(onTime > 0 ? [`${countWords(onTime)} count since the watermark was reset`] : []),
    ...(unused > 0 ? [`${countWords(unused)} reach no view`] : []),
  ]
  const others = passed.length === 0 ? '' : `; passed over: ${passed.join(', ')}`
  return records.length === 0
    ? `nothing to heal${others}`
    : `accepts ${plural(records.length, 'record')} that came too late${others}`
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
