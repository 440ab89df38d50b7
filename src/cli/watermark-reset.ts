/** Which records a reset of the watermark drops: those that are named, or those that hold a watermark with a wrong time. */
import { Decoded, position } from '../core/event.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Amendment } from '../core/generation.ts'
import type { RecordSource } from '../engine/ports.ts'
import { parsePosition, usage } from './amend.ts'
import type { Call } from './command.ts'
import { OpenedParts, openDecoder, openSource } from './compose.ts'
import { readSoon } from './watermark-holder.ts'
import { gatherWatermarks } from './watermark.ts'
import { instantWords } from './words.ts'

export interface Guilty {
  readonly position: string
  readonly partition: number
  readonly offset: number
  readonly eventTime: number
  /** What speaks against it; undefined where it was named and nothing was asked. */
  readonly words: string | undefined
}

type Surroundings = Pick<Call<unknown>, 'clock' | 'log'>

/** @param typed positions as they were typed; none: what is found guilty. @throws USAGE */
export async function guiltyRecords(
  pipeline: Pipeline,
  typed: readonly string[],
  call: Surroundings,
): Promise<Guilty[]> {
  return typed.length === 0 ? foundGuilty(pipeline, call) : namedRecords(pipeline, typed, call)
}

async function foundGuilty(pipeline: Pipeline, call: Surroundings): Promise<Guilty[]> {
  const { topic, partitions } = await gatherWatermarks(pipeline, call)
  const guilty = partitions.flatMap((each): Guilty[] => {
    if (each.state !== 'held' || each.poison === undefined) return []
    const { partition, eventTime } = each
    const { offset } = parsePosition(each.position, topic)
    return [{ position: each.position, partition, offset, eventTime, words: each.poison.words }]
  })
  if (guilty.length > 0) return guilty
  throw usage(
    'no watermark is held by a record whose time looks wrong (`tidemark explain watermark`). Nothing was planned. Name the record: --position TOPIC[PARTITION]@OFFSET',
  )
}

async function namedRecords(
  pipeline: Pipeline,
  typed: readonly string[],
  call: Surroundings,
): Promise<Guilty[]> {
  await using opened = new OpenedParts()
  const source = opened.add(openSource(pipeline, call))
  const found: Guilty[] = []
  for (const text of typed) {
    const { partition, offset } = parsePosition(text, source.topic)
    const eventTime = await eventTimeAt({ pipeline, source, call }, { partition, offset })
    const at = position(source.topic, partition, offset)
    found.push({ position: at, partition, offset, eventTime, words: undefined })
  }
  return found
}

/** @throws USAGE where there is no such record, or it is no event */
async function eventTimeAt(
  {
    pipeline,
    source,
    call,
  }: { readonly pipeline: Pipeline; readonly source: RecordSource; readonly call: Surroundings },
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<number> {
  const at = position(source.topic, partition, offset)
  const { partitions } = await source.topology()
  if (partition >= partitions) throw usage(`${at}: the log has ${partitions} partitions`)
  await using reader = await source.open(partition, offset)
  const batch = await readSoon(reader, call.clock)
  const index = batch?.offsets.indexOf(offset) ?? -1
  if (batch === undefined || index < 0) throw usage(`${at}: the log has no record there`)
  const decoder = openDecoder(pipeline, call)
  await decoder.prepare?.(batch)
  const events = decoder.decode(batch)
  if (events.outcomes[index] === Decoded.EVENT) return events.eventTimes[index] as number
  throw usage(
    `${at} is no event (${events.problems.get(index) ?? 'it has no value'}): it moves no watermark`,
  )
}

/** @throws USAGE where one is amended already */
export function dropsOf(guilty: readonly Guilty[], before: readonly Amendment[]): Amendment[] {
  return guilty.map(({ position: at, partition, offset }): Amendment => {
    const known = before.find((each) => each.partition === partition && each.offset === offset)
    if (known?.kind === 'drop') throw usage(`${at} is dropped already. Nothing was planned`)
    if (known?.kind === 'accept')
      throw usage(`${at} came too late and was healed: it moves no watermark. Nothing was planned`)
    return { kind: 'drop', partition, offset }
  })
}

export function guiltyWords({ position: at, eventTime, words }: Guilty): string {
  return `drops ${at}, event time ${instantWords(eventTime)}${words === undefined ? '' : `: ${words}`}`
}
