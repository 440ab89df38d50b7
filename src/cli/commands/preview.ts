/** `tidemark preview`: what this file would make of the last records, without a trace. */
import type { Command } from 'commander'
import { formatDay } from '../../core/day.ts'
import { position } from '../../core/event.ts'
import { action, definePipelineCommand, wholeNumber } from '../command.ts'
import type { Call } from '../command.ts'
import { OpenedParts, openSource } from '../compose.ts'
import { entityData, shownColumns } from '../online-view.ts'
import type { Output } from '../output.ts'
import { previewPipeline } from '../preview.ts'
import type { Preview, ViewPreview } from '../preview.ts'
import { locateSample } from '../sample.ts'
import { addCounts } from '../run-summary.ts'
import { countWords, dayOrNull, dayWords, instantOrNull, instantWords, plural } from '../words.ts'

interface PreviewOptions {
  readonly records: number
  readonly values: number
}

const REJECTS_SHOWN = 5

export function previewCommand(): Command {
  return definePipelineCommand('preview', {
    summary: 'fold the last records in memory and show what comes out; commits nothing',
    description:
      'Folds the last records of the source with this file through the same engine as a run, in memory, and prints values, rejects ' +
      'and what the watermark would be. Windows see only the sample.',
    examples: [
      ['tidemark preview', 'the last 1000 records'],
      ['tidemark preview -n 50000 --values 3', 'more records, three entities per view'],
    ],
  })
    .option('-n, --records <count>', 'records to fold, over all partitions', wholeNumber, 1000)
    .option('--values <count>', 'entities to show per view', wholeNumber, 5)
    .action(
      action<PreviewOptions>(async (call) => {
        const { preview, topic } = await fold(call)
        if (call.json) call.out.json(previewData(preview, topic))
        else printPreview(call.out, preview, topic)
      }),
    )
}

async function fold(call: Call<PreviewOptions>): Promise<{ preview: Preview; topic: string }> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const source = opened.add(openSource(pipeline, call))
  using progress = call.progress('preview')
  const { signal } = interrupt
  const parts = await locateSample(source, {
    records: call.options.records,
    signal,
    onProgress: (done, total) => progress.update(done, total, 'looking for the last records'),
  })
  const { clock, log } = call
  const request = { source, parts, clock, log, signal, valuesMax: call.options.values }
  return { preview: await previewPipeline(pipeline, request), topic: source.topic }
}

function printPreview(out: Output, { summary, views, rejects }: Preview, topic: string): void {
  const counts = addCounts(summary.partitions.map((each) => each.counts))
  const records = summary.partitions.reduce((sum, each) => sum + each.records, 0)
  const words = Object.entries(counts).map(([name, count]) => `${name} ${countWords(count)}`)
  out.line(`${plural(records, 'record')} folded in memory; nothing was written`)
  out.line(`  ${words.join(', ')}\n`)
  for (const view of views) printView(out, view)
  out.table(
    ['PARTITION', 'RECORDS', 'WATERMARK', 'CLOSED DAY'],
    summary.partitions.map(({ partition, records: read, watermark, closedDay }) => [
      String(partition),
      countWords(read),
      watermark === undefined ? '-' : instantWords(watermark),
      dayWords(closedDay),
    ]),
  )
  if (rejects.length === 0) return
  out.line(`\n${plural(rejects.length, 'reject')}:`)
  for (const { partition, offset, reason, views: of, message } of rejects.slice(0, REJECTS_SHOWN)) {
    const where = of.length === 0 ? '' : ` in ${of.join(', ')}`
    out.line(`  ${position(topic, partition, offset)} ${reason}${where}: ${message}`)
  }
  if (rejects.length > REJECTS_SHOWN)
    out.line(`  and ${countWords(rejects.length - REJECTS_SHOWN)} more`)
}

function printView(out: Output, { view, entities, values }: ViewPreview): void {
  out.line(
    `${view.title}: ${plural(entities, 'value')}${entities > values.length ? `, ${values.length} shown` : ''}`,
  )
  if (values.length > 0) {
    // A column per entity: views have many more features than a line has room for.
    const columns = values.map((value) => shownColumns(view, value))
    out.table(
      ['', ...values.map(({ entity }) => Object.values(entityData(view, entity)).join(' '))],
      [
        ['as of', ...values.map(({ version }) => formatDay(version.day))],
        ...view.features.map(({ name }, index) => [
          name,
          ...columns.map((shown) => shown[index]?.text ?? 'null'),
        ]),
      ],
    )
  }
  out.line()
}

function previewData({ summary, views, rejects }: Preview, topic: string): object {
  return {
    records: summary.partitions.reduce((sum, each) => sum + each.records, 0),
    counts: addCounts(summary.partitions.map((each) => each.counts)),
    partitions: summary.partitions.map(({ partition, records, watermark, closedDay }) => {
      const days = { closedDay: dayOrNull(closedDay) }
      return { partition, records, watermark: instantOrNull(watermark), ...days }
    }),
    views: views.map(({ view, entities, values }) => ({
      view: view.title,
      entities,
      values: values.map((value) => ({
        entity: entityData(view, value.entity),
        asOf: formatDay(value.version.day),
        features: Object.fromEntries(
          shownColumns(view, value).map(({ name, json }) => [name, json]),
        ),
      })),
    })),
    rejects: rejects.map(({ partition, offset, reason, views: of, message }) => {
      return { position: position(topic, partition, offset), reason, views: of, message }
    }),
  }
}
