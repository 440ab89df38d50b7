/** Where producers put keys since partitions were added, by the newest records of a log: the texts of `source.key` with their partitions. */
import type { Pipeline } from '../core/definition.ts'
import { Decoded } from '../core/event.ts'
import type { EventBatch } from '../core/event.ts'
import { keyText } from '../core/home.ts'
import type { PresentValue } from '../core/text.ts'
import type { Decoder, RecordSource } from '../engine/ports.ts'
import type { PlacedKeys } from '../replay/find-partitioner.ts'
import { recordKeyOf } from './examined-sample.ts'
import { readSample } from './sample.ts'
import type { SamplePart } from './sample.ts'

/** @throws SOURCE_* */
export async function placedKeys(
  { source: { fields, key, log } }: Pipeline,
  { source, decoder }: { readonly source: RecordSource; readonly decoder: Decoder },
  parts: readonly SamplePart[],
): Promise<PlacedKeys> {
  const { partitions } = await source.topology()
  const indexes = key.map((name) => fields.findIndex((field) => field.name === name))
  const types = indexes.map((index) => fields[index]?.type)
  const keys = new Map<string, { readonly text: string; readonly partition: number }>()
  const others = { count: 0, example: '' }
  const take = (events: EventBatch, i: number, partition: number): void => {
    const values = indexes.map((index) => events.columns[index]?.[i] ?? null)
    if (values.includes(null)) return
    const text = keyText(values as PresentValue[], types)
    const bytes = recordKeyOf(events, i)
    const written = bytes && Buffer.from(bytes).toString('utf8')
    if (log.kind === 'kafka' && written !== text) {
      others.count += 1
      others.example ||= `key ${JSON.stringify(written ?? null)}, fields ${JSON.stringify(text)}`
    } else keys.set(`${partition} ${text}`, { text, partition })
  }
  for (const part of parts) {
    for await (const batch of readSample(source, part)) {
      await decoder.prepare?.(batch)
      const events = decoder.decode(batch)
      for (let i = 0; i < batch.count; i += 1) {
        const isIn = (batch.offsets[i] ?? -1) >= part.offset
        if (isIn && events.outcomes[i] === Decoded.EVENT) take(events, i, part.partition)
      }
    }
  }
  return { partitions, keys: [...keys.values()], others }
}
