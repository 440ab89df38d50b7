/**
 * A log from beside a run: its partitions, where they end, and who else reads them. What cannot be asked now is a problem in words and
 * never a failure: facts of the state are wanted most when brokers are away.
 */
import { readdir } from 'node:fs/promises'
import type { KafkaLog, Pipeline } from '../core/definition.ts'
import type { Clock, Log, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { describeGroup } from '../kafka/group-description.ts'
import { groupWords } from './group-words.ts'

export interface LogView {
  readonly topic: string
  /** Those of the log; where it does not tell, those that have a state here. */
  readonly partitions: readonly number[]
  readonly problem: string | undefined
  /** Members of the consumer group in words; undefined where the log has none. */
  readonly group: string | undefined
  /** Partition -> the member that holds it. */
  readonly holders: ReadonlyMap<number, string>
  end(partition: number): Promise<number | undefined>
  lag(partition: number, nextOffset: number): Promise<LagView>
}

export interface LagView {
  readonly endOffset: number | undefined
  readonly lag: number | undefined
  readonly problem: string | undefined
}

interface Surroundings {
  readonly clock: Clock
  readonly log: Log
}

export async function lookAtLog(
  pipeline: Pipeline,
  source: RecordSource,
  surroundings: Surroundings,
): Promise<LogView> {
  const { log } = pipeline.source
  try {
    const { partitions } = await source.topology()
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    const group = log.kind === 'kafka' ? await lookAtGroup(log, surroundings) : NO_GROUP
    const shared = { topic: source.topic, partitions: all, problem: undefined, ...group }
    return {
      ...shared,
      end: (partition) => endOf(source, partition),
      lag: (...at) => lagOf(source, ...at),
    }
  } catch (error) {
    // Without its files a log has no partitions to tell of.
    if (!(error instanceof TidemarkError) || log.kind === 'files') throw error
    return {
      topic: source.topic,
      partitions: await partitionsOnDisk(pipeline),
      problem: error.message,
      ...NO_GROUP,
      end: () => Promise.resolve(undefined),
      lag: () => Promise.resolve({ endOffset: undefined, lag: undefined, problem: undefined }),
    }
  }
}

type GroupView = Pick<LogView, 'group' | 'holders'>
const NO_GROUP: GroupView = { group: undefined, holders: new Map() }

async function lookAtGroup(log: KafkaLog, surroundings: Surroundings): Promise<GroupView> {
  try {
    const found = await describeGroup(log, surroundings)
    if (found.state === undefined)
      return { ...NO_GROUP, group: `${log.group}: its members may not be seen` }
    const holders = found.members.flatMap(({ name, host, partitions }) =>
      partitions.map((partition) => [partition, name ?? `another program on ${host}`] as const),
    )
    return { group: groupWords(found), holders: new Map(holders) }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return { ...NO_GROUP, group: `${log.group}: ${error.message}` }
  }
}

async function partitionsOnDisk({ state }: Pipeline): Promise<number[]> {
  const names = await readdir(state).catch(() => [])
  const found = names.flatMap((name) => /^partition-(\d+)$/.exec(name)?.[1] ?? [])
  return found.map(Number).sort((a, b) => a - b)
}

async function endOf(source: RecordSource, partition: number): Promise<number | undefined> {
  try {
    const tail = await source.tail?.(partition, 0)
    if (tail !== undefined) return tail.endOffset
    await using reader = await source.open(partition, 0)
    return await reader.endOffset()
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return undefined
  }
}

/** A position that the log does not have any more is the partition's problem, not the command's. */
async function lagOf(
  source: RecordSource,
  partition: number,
  nextOffset: number,
): Promise<LagView> {
  try {
    await using reader = await source.open(partition, nextOffset)
    const endOffset = await reader.endOffset()
    return { endOffset, lag: reader.lag(nextOffset), problem: undefined }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return { endOffset: await endOf(source, partition), lag: undefined, problem: error.message }
  }
}
