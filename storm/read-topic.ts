/** What a topic really contains, by Kafka's own consumer: committed records only, all from the beginning. */
import type { KafkaServer } from '../servers/kafka.ts'
import type { RawPartition, RawRecord } from '../test/support/raw-record.ts'

/** It cannot be told where to end; it ends when nothing comes for so long. Where that was too early it is asked again. */
const SILENCES_MS = [1_000, 3_000, 10_000]

/** @param ends the offset after the last record that must be there, by partition */
export async function readTopic(
  kafka: KafkaServer,
  topic: string,
  ends: readonly number[],
): Promise<RawPartition[]> {
  for (const silenceMs of SILENCES_MS) {
    const log = await readUntilSilent(kafka, topic, { partitions: ends.length, silenceMs })
    const isWhole = log.every(({ records }, partition) => {
      return (records.at(-1)?.offset ?? -1) + 1 === ends[partition]
    })
    if (isWhole) return log
  }
  throw new Error(`${topic} cannot be read up to ${ends.join(', ')}`)
}

async function readUntilSilent(
  kafka: KafkaServer,
  topic: string,
  { partitions, silenceMs }: { readonly partitions: number; readonly silenceMs: number },
): Promise<RawPartition[]> {
  const shown = ['offset', 'partition', 'timestamp', 'key'].flatMap((name) => [
    '--formatter-property',
    `print.${name}=true`,
  ])
  const output = await kafka.tool(
    'org.apache.kafka.tools.consumer.ConsoleConsumer',
    ...['--bootstrap-server', kafka.bootstrap, '--topic', topic, '--from-beginning'],
    ...['--isolation-level', 'read_committed', '--timeout-ms', String(silenceMs), ...shown],
  )
  const records = Array.from({ length: partitions }, (): RawRecord[] => [])
  for (const line of output.split('\n')) {
    const found = /^CreateTime:(-?\d+)\tPartition:(\d+)\tOffset:(\d+)\t([^\t]*)\t(.*)$/.exec(line)
    if (found === null) {
      if (line.trim() !== '') throw new Error(`the consumer of ${topic} prints ${line}`)
      continue
    }
    const [, timestamp, partition, offset, key = '', value = ''] = found
    records[Number(partition)]?.push({
      offset: Number(offset),
      timestamp: Number(timestamp),
      key: key === 'null' ? null : key,
      value: value === 'null' ? null : value,
    })
  }
  return records.map((of, partition) => {
    return { partition, records: of.sort((a, b) => a.offset - b.offset) }
  })
}
