/** A pipeline on the real adapters in a temporary directory, and all its sinks read back by programs that are not the engine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OpenedParts, openRunParts, stateDirectory } from '../../../src/cli/compose.ts'
import { systemClock } from '../../../src/cli/system-clock.ts'
import type { Pipeline } from '../../../src/core/definition.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import type { RunOptions, RunParts, RunSummary } from '../../../src/engine/parts.ts'
import type { Log, OnlineValue } from '../../../src/engine/ports.ts'
import { runPipeline } from '../../../src/engine/run-pipeline.ts'
import { readDeadLetters } from '../../../src/kafka/read-dead-letters.ts'
import { readRejects } from '../../../src/rejects/read-rejects.ts'
import { FileLogWriter } from '../../../src/source/file-log-writer.ts'
import type { ActualReject, ActualSinks } from '../../support/compare-sinks.ts'
import { actualReject } from '../../support/engine-run.ts'
import { withOffsets } from '../../support/random-log.ts'
import { valueBytes, type RawPartition } from '../../support/raw-record.ts'
import { SILENT } from '../../support/silent-log.ts'
import { actualOnline, walkOnline } from './online-reader.ts'
import { TableReader } from './table-reader.ts'

export interface RunHow extends Partial<RunOptions> {
  /** Something between the engine and its adapters. */
  readonly surround?: (parts: RunParts) => RunParts
  readonly log?: Log
}

/** In this process; to the end of the log where nothing else is said. */
export async function runHere(
  pipeline: Pipeline,
  { surround, log = SILENT, ...options }: RunHow = {},
): Promise<RunSummary> {
  await using opened = new OpenedParts()
  const parts = await openRunParts(pipeline, opened, { clock: systemClock, log })
  return await runPipeline(surround ? surround(parts) : parts, {
    untilEnd: true,
    signal: new AbortController().signal,
    ...options,
  })
}

export class RealWorld implements AsyncDisposable {
  readonly directory: string
  readonly file: string
  readonly pipeline: Pipeline

  private constructor(directory: string, file: string, pipeline: Pipeline) {
    this.directory = directory
    this.file = file
    this.pipeline = pipeline
  }

  /** Places in the file's text are relative to the new directory, in which `beside` lies too: text by name. */
  static async create(
    text: string,
    beside: Readonly<Record<string, string>> = {},
  ): Promise<RealWorld> {
    return RealWorld.open(await mkdtemp(path.join(tmpdir(), 'tidemark-world-')), text, beside)
  }

  /** In a directory that is there. */
  static async open(
    directory: string,
    text: string,
    beside: Readonly<Record<string, string>> = {},
  ): Promise<RealWorld> {
    for (const [name, content] of Object.entries(beside)) {
      await writeFile(path.join(directory, name), content)
    }
    const file = path.join(directory, 'tidemark.yaml')
    await writeFile(file, text)
    return new RealWorld(directory, file, await loadPipeline(file))
  }

  get logDirectory(): string {
    const { log } = this.pipeline.source
    if (log.kind !== 'files') throw new Error('a log of files')
    return log.directory
  }

  /** Appends to the log's files; returns the same records at the offsets that the files gave them. */
  async write(
    partitions: readonly RawPartition[],
    framing: 'frames' | 'lines',
  ): Promise<RawPartition[]> {
    const written: RawPartition[] = []
    for (const part of partitions) {
      const extension = framing === 'frames' ? 'log' : 'jsonl'
      await using writer = await FileLogWriter.open(this.logDirectory, part.partition, extension)
      const offsets = part.records.map((record) => {
        const value = valueBytes(record)
        if (framing === 'lines') return writer.append({ key: null, value })
        const key = record.key === null ? null : Buffer.from(record.key)
        return writer.append({ key, value, timestamp: record.timestamp })
      })
      written.push(withOffsets(part, offsets))
    }
    return written
  }

  run(how?: RunHow): Promise<RunSummary> {
    return runHere(this.pipeline, how)
  }

  /** The local states of these partitions are gone with their disk. */
  async loseStates(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) {
      await rm(stateDirectory(this.pipeline, partition), { recursive: true, force: true })
    }
  }

  async sinks(partitions: number): Promise<ActualSinks> {
    await using reader = await this.tables()
    const online = actualOnline(this.pipeline, await this.online(partitions))
    return { ...(await reader.sinks()), online, rejects: await this.rejects() }
  }

  async rejects(): Promise<ActualReject[]> {
    const { source, rejects } = this.pipeline
    const read =
      rejects.topic === undefined || source.log.kind !== 'kafka'
        ? readRejects(rejects.directory)
        : readDeadLetters({
            definition: source.log,
            topic: rejects.topic,
            log: SILENT,
            clock: systemClock,
          })
    const found: ActualReject[] = []
    for await (const reject of read) found.push(actualReject(reject))
    return found
  }

  /** Every value of the online store; the engine must not be running on an embedded one. */
  async online(partitions: number): Promise<OnlineValue[]> {
    return walkOnline(this.pipeline, partitions)
  }

  async tables(): Promise<TableReader> {
    return TableReader.beside(this.pipeline, this.directory)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}
